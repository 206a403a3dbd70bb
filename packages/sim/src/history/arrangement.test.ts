import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Arrangement, nil } from "./arrangement.ts";
import type { Operation } from "./history.ts";
import type { Partition } from "./partition.ts";
import { type Configuration, Seen, type Sighting } from "./seen.ts";

const count = 100;
const unknownCount = 40;

/** Operations that are called one after the other, then end one after the other; n is called at n. */
const part: Partition<string, string> = {
  key: "",
  completed: Array.from({ length: count }, (_, id) => {
    const endOrder = count + id;
    return {
      operation: operation(id, { kind: "ok", output: "", order: endOrder }),
      output: "",
      endOrder,
    };
  }),
  unknown: Array.from({ length: unknownCount }, (_, id) => {
    return operation(2 * count + id, { kind: "unknown" });
  }),
  failed: [],
};

function operation(id: number, end: Operation<string, string>["end"]): Operation<string, string> {
  return { id, client: id, key: "", input: "", order: id, end };
}

/** Keeps what it is shown. */
class Mirror extends Seen {
  shown: unknown;

  override show({ window, low, hash, unknownWords, state }: Configuration): Sighting {
    this.shown = { window: [...window], low, hash, unknown: [...unknownWords], state };
    return "new";
  }
}

function shownBy(arrangement: Arrangement<string, string>): unknown {
  const mirror = new Mirror(arrangement.unknownWordCount, 1 << 20);
  arrangement.showTo(mirror, 7);
  return mirror.shown;
}

/** The calls that may come next, as they are handed out. */
function callsOf(arrangement: Arrangement<string, string>): readonly number[] {
  const calls: number[] = [];
  for (let call = arrangement.callAfter(nil); call !== nil; call = arrangement.callAfter(call)) {
    calls.push(call);
  }
  return calls;
}

test("however it came about, an arrangement is what is in it", () => {
  const change = fc.oneof(
    { weight: 4, arbitrary: fc.record({ take: fc.nat(count + unknownCount - 1) }) },
    { weight: 1, arbitrary: fc.record({ keep: fc.nat(60) }) },
  );
  fc.assert(
    fc.property(fc.array(change, { maxLength: 150 }), (changes) => {
      const arrangement = new Arrangement(part);
      // All early ones first, so that there are words of which all bits are set.
      for (let number = 0; number < 40; number++) arrangement.take(number);
      for (const one of changes) {
        if ("keep" in one) arrangement.cut(one.keep);
        else if (!arrangement.trail.includes(one.take)) arrangement.take(one.take);
      }
      const { trail } = arrangement;
      const again = new Arrangement(part);
      for (const number of [...trail].sort((a, b) => a - b)) again.take(number);
      expect(shownBy(arrangement)).toEqual(shownBy(again));
      expect(callsOf(arrangement)).toEqual(callsOf(again));
      const rest = part.completed.filter((_, number) => !trail.includes(number));
      expect(callsOf(arrangement)).toEqual(rest.map(({ operation: { id } }) => id));
      expect(arrangement.left).toBe(rest.length);
      if (rest.length > 0) expect(arrangement.due).toBe(rest[0]?.operation.id);
      for (let number = count; number < count + unknownCount; number++) {
        expect(arrangement.hasUnknown(number)).toBe(trail.includes(number));
        expect(arrangement.operation(number).id).toBe(number + count);
      }
    }),
    { numRuns: 300 },
  );
});

test("a call that is taken while it is handed out still leads to the next", () => {
  const arrangement = new Arrangement(part);
  const seen: number[] = [];
  for (let call = arrangement.callAfter(nil); call !== nil; call = arrangement.callAfter(call)) {
    arrangement.take(call);
    seen.push(call);
  }
  expect(seen).toEqual(part.completed.map(({ operation: { id } }) => id));
  expect(arrangement.left).toBe(0);
});
