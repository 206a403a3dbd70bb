import fc from "fast-check";
import { expect, test } from "vitest";
import { ViewableMap } from "./viewable-map.ts";

interface Box {
  readonly version: number;
}

function mapOf(pairs: Iterable<readonly [string, Box]>): Map<string, Box> {
  const found = [...pairs];
  const map = new Map(found);
  expect(map.size).toBe(found.length);
  return map;
}

test("a view shows what there was when it was taken, though it was not read before the changes", () => {
  const map = new ViewableMap<Box>();
  map.set("kept", { version: 1 });
  map.set("changed", { version: 1 });
  map.set("deleted", { version: 1 });
  map.set("back", { version: 1 });
  const view = map.view();
  map.set("changed", { version: 2 });
  map.set("changed", { version: 3 });
  map.delete("deleted");
  map.delete("back");
  map.set("back", { version: 2 });
  map.set("new", { version: 2 });
  const was = ["kept", "changed", "deleted", "back"].map((name) => [name, { version: 1 }] as const);
  expect(mapOf(view)).toEqual(new Map(was));
  expect(map.get("changed")).toEqual({ version: 3 });
  expect(map.get("deleted")).toBeUndefined();
  expect(map.size).toBe(4);
});

test("a view comes to its end however much is inserted while it is read", () => {
  const map = new ViewableMap<Box>();
  map.set("a", { version: 1 });
  map.set("b", { version: 1 });
  let count = 0;
  for (const [name] of map.view()) {
    count += 1;
    map.delete(name);
    map.set(name, { version: 2 });
    map.set(`new-${count}`, { version: 2 });
  }
  expect(count).toBe(2);
});

test("a view is read once", () => {
  const map = new ViewableMap<Box>();
  map.set("a", { version: 1 });
  const view = map.view();
  expect([...view]).toHaveLength(1);
  expect([...view]).toEqual([]);
});

test("views agree with copies, however reads of several and changes mix", () => {
  const name = fc.constantFrom("a", "b", "c", "d", "e");
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("set" as const), name }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("delete" as const), name }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("view" as const) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("read" as const), of: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("drop" as const), of: fc.nat(3) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const map = new ViewableMap<Box>();
      const model = new Map<string, Box>();
      const views: {
        readonly was: ReadonlyMap<string, Box>;
        readonly view: IterableIterator<readonly [string, Box]>;
        readonly seen: (readonly [string, Box])[];
        dropped: boolean;
      }[] = [];
      steps.forEach((s, version) => {
        switch (s.kind) {
          case "set":
            map.set(s.name, { version });
            model.set(s.name, { version });
            break;
          case "delete":
            map.delete(s.name);
            model.delete(s.name);
            break;
          case "view":
            views.push({ was: new Map(model), view: map.view(), seen: [], dropped: false });
            break;
          case "read": {
            const reader = views.at(-1 - s.of);
            const result = reader?.view.next();
            if (result !== undefined && result.done !== true) reader?.seen.push(result.value);
            break;
          }
          case "drop": {
            const reader = views.at(-1 - s.of);
            reader?.view.return?.();
            if (reader !== undefined) reader.dropped = true;
            break;
          }
        }
      });
      for (const { was, view, seen, dropped } of views) {
        const all = mapOf([...seen, ...view]);
        if (dropped) for (const [key, value] of all) expect(was.get(key)).toEqual(value);
        else expect(all).toEqual(was);
      }
      expect(mapOf(map.view())).toEqual(model);
      expect(map.size).toBe(model.size);
    }),
  );
});
