import fc from "fast-check";
import { expect, test } from "vitest";
import { UseOrder } from "./use-order.ts";

test("the order is that of a map whose entries are taken out and put in again", () => {
  const step = fc.tuple(fc.constantFrom("use", "use", "delete", "clear"), fc.nat(5));
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const order = new UseOrder<number, string>();
      const map = new Map<number, string>();
      for (const [place, [what, name]] of steps.entries()) {
        if (what === "use") order.use(name, `${place}`);
        if (what === "delete") order.delete(name);
        if (what === "clear" && name === 0) order.clear();
        if (what === "clear" && name === 0) map.clear();
        if (what !== "clear") map.delete(name);
        if (what === "use") map.set(name, `${place}`);
        expect([...order.values()]).toEqual([...map.values()]);
        expect([order.size, order.oldest]).toEqual([map.size, [...map.values()][0]]);
        expect(order.get(name)).toBe(map.get(name));
      }
    }),
  );
});
