import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  type History,
  HistoryRecorder,
  KvOracle,
  kvModel,
  type KvInput,
  type KvOutput,
  Violation,
} from "../src/index.ts";
import { isLinearizable } from "./histories.ts";

interface Act {
  readonly client: number;
  readonly key: string;
  readonly isRead: boolean;
  readonly end: "ok" | "fail" | "unknown";
  readonly choice: number;
}

const runs: fc.Arbitrary<readonly Act[]> = fc.array(
  fc.record({
    client: fc.nat(3),
    key: fc.constantFrom("a", "a", "a", "b"),
    isRead: fc.boolean(),
    end: fc.constantFrom("ok", "ok", "ok", "ok", "ok", "fail", "unknown"),
    choice: fc.nat(7),
  }),
  { maxLength: 16 },
);

/** Plays a run to the oracle. Returns its history, and whether the oracle found fault with it. */
function play(acts: readonly Act[]): {
  readonly history: History<KvInput, KvOutput>;
  readonly isRefused: boolean;
} {
  const recorder = new HistoryRecorder<KvInput, KvOutput>();
  const oracle = new KvOracle();
  const open = new Map<number, { readonly id: number; readonly act: Act }>();
  const written = new Map<string, string[]>();
  let isRefused = false;
  const judge = (look: () => void): void => {
    if (isRefused) return;
    try {
      look();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      isRefused = true;
    }
  };
  const anyValue = ({ key, choice }: Act): string | undefined => {
    const values = [undefined, ...(written.get(key) ?? [])];
    return values[Math.min(choice, values.length - 1)];
  };
  for (const act of acts) {
    const running = open.get(act.client);
    if (running === undefined) {
      const { client, key, isRead } = act;
      const value = `v${recorder.eventCount}`;
      const id = recorder.invoke(client, key, isRead ? { kind: "get" } : { kind: "put", value });
      open.set(client, { id, act });
      if (!isRead) written.set(key, [...(written.get(key) ?? []), value]);
      judge(() =>
        oracle.invoked(id, isRead ? { kind: "read", key } : { kind: "write", key, value }),
      );
      continue;
    }
    const { id, act: begun } = running;
    open.delete(act.client);
    if (act.end === "fail") {
      recorder.fail(id);
      judge(() => oracle.ended(id, { kind: "failed" }));
    } else if (act.end === "unknown") {
      recorder.unknown(id);
      judge(() => oracle.ended(id, { kind: "unknown" }));
    } else if (begun.isRead) {
      const value = anyValue({ ...begun, choice: act.choice });
      recorder.ok(id, { kind: "found", value: value ?? null, modifiedIndex: undefined });
      judge(() => oracle.ended(id, { kind: "found", value }));
    } else {
      recorder.ok(id, { kind: "written", index: undefined, previousIndex: undefined });
      judge(() => oracle.ended(id, { kind: "done" }));
    }
  }
  // The final state is what a last read of each key shows.
  const final = new Map<string, string>();
  for (const [offset, key] of ["a", "b"].entries()) {
    const choice = (acts[offset]?.choice ?? 0) * 3;
    const act: Act = { client: 9, key, isRead: true, end: "ok", choice };
    const value = anyValue(act);
    const id = recorder.invoke(9, key, { kind: "get" });
    recorder.ok(id, { kind: "found", value: value ?? null, modifiedIndex: undefined });
    if (value !== undefined) final.set(key, value);
  }
  judge(() => oracle.finish(final));
  return { history: recorder.history(), isRefused };
}

test("with a value for each write, the oracle refuses exactly what is not linearizable", () => {
  const seen = { fine: 0, refused: 0 };
  fc.assert(
    fc.property(runs, (acts) => {
      const { history, isRefused } = play(acts);
      seen[isRefused ? "refused" : "fine"] += 1;
      expect(isRefused).toBe(!isLinearizable(kvModel(), history));
    }),
    { numRuns: 6_000 },
  );
  expect(Math.min(seen.fine, seen.refused)).toBeGreaterThan(300);
});
