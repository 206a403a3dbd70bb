import * as fc from "fast-check";
import { expect, test } from "vitest";
import { RangeMax } from "./range-max.ts";

test("the largest of a range is that of the plain list, after any pushes and raises", () => {
  const change = fc.oneof(
    fc.record({ kind: fc.constant("push" as const), value: fc.nat(50) }),
    fc.record({ kind: fc.constant("raise" as const), place: fc.nat(40), value: fc.nat(50) }),
  );
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), fc.nat(40), fc.nat(40), (changes, a, b) => {
      const list: number[] = [];
      const ranges = new RangeMax();
      for (const one of changes) {
        if (one.kind === "push") {
          list.push(one.value);
          ranges.push(one.value);
        } else if (one.place < list.length) {
          list[one.place] = Math.max(list[one.place] ?? 0, one.value);
          ranges.raise(one.place, one.value);
        }
      }
      expect(ranges.length).toBe(list.length);
      expect(ranges.max(a, b)).toBe(Math.max(-Infinity, ...list.slice(a, Math.max(a, b))));
    }),
  );
});
