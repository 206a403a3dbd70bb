import { type LogIndex, type NodeId, RaftError } from "@quorate/core";
import type { AbortSignalLike, Answered, Applied, CallOptions, Replica } from "@quorate/runtime";
import { Violation } from "../judge.ts";
import { type App, type AppCall, callOf } from "./app.ts";
import type { CallEnding, CallRecord } from "./call.ts";
import type { Host } from "./host.ts";
import { AppDefect } from "./one-log.ts";
import { type Life, type Timeline, usPerMs } from "./timeline.ts";
import type { WholeCoverage } from "./whole-coverage.ts";
import type { WholePlan } from "./whole-plan.ts";

/** What callers need of their world. */
export interface CallersWorld<Query, Answer> {
  readonly app: App<Query, Answer>;
  readonly plan: WholePlan;
  readonly timeline: Timeline;
  readonly coverage: WholeCoverage;
  host(node: NodeId): Host<Query, Answer>;
  /** A call ended. */
  ended(record: CallRecord<Query, Answer>): void;
  broken(error: unknown): void;
}

/** One call as it is asked for. */
export interface CallRequest {
  readonly client: number;
  readonly node: NodeId;
  readonly number: number;
  readonly timeoutMs: number;
  readonly abortMs: number;
}

/** Ends the patience of one client. */
class Patience implements AbortSignalLike {
  aborted = false;
  readonly #listeners = new Set<() => void>();

  addEventListener(_: "abort", listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_: "abort", listener: () => void): void {
    this.#listeners.delete(listener);
  }

  abort(): void {
    this.aborted = true;
    for (const listener of this.#listeners) listener();
  }
}

/** Makes the calls of all clients and writes down what becomes of them. */
export class Callers<Query, Answer> {
  readonly #world: CallersWorld<Query, Answer>;
  readonly #records: CallRecord<Query, Answer>[] = [];
  /** Those that are under way, by the process that has them. */
  readonly #pending = new Map<CallRecord<Query, Answer>, Life>();
  #order = 0;
  /** Up to which entry of the log each client was told of. */
  readonly #told = new Map<number, LogIndex>();

  constructor(world: CallersWorld<Query, Answer>) {
    this.#world = world;
  }

  /** All calls, in the order in which they were made. */
  get records(): readonly CallRecord<Query, Answer>[] {
    return this.#records;
  }

  /** The calls that have not ended. */
  get pending(): readonly CallRecord<Query, Answer>[] {
    return [...this.#pending.keys()];
  }

  /** Makes a call. It has ended already if no process takes it. */
  make(request: CallRequest): CallRecord<Query, Answer> {
    const { client, node, number } = request;
    const { app, plan, timeline, coverage } = this.#world;
    const call = this.#prepared(request, trusted(plan, callOf(app, plan.seed, number)));
    const seesOwn = call.kind === "read" && call.seesOwn === true;
    const record: CallRecord<Query, Answer> = {
      client,
      node,
      number,
      call,
      order: this.#order++,
      endOrder: undefined,
      at: timeline.now,
      endAt: undefined,
      atLeast: seesOwn ? (this.#told.get(client) ?? 0) : 0,
      ending: { kind: "pending" },
    };
    this.#records.push(record);
    const { replica, life } = this.#world.host(node);
    if (replica === undefined || life === undefined) {
      coverage.count("call-to-dead-node");
      this.#end(record, { kind: "failed", code: "connection-refused" });
      return record;
    }
    this.#pending.set(record, life);
    const options = this.#optionsOf(request, life);
    timeline.reach(life, "call", () => this.#hand(record, replica, options));
    return record;
  }

  /** A process ended: its clients lose their connections and know no more. */
  lose(node: NodeId): void {
    for (const record of this.pending) {
      if (record.node !== node) continue;
      this.#end(record, { kind: "unknown", code: "connection-lost" });
    }
  }

  #prepared({ node, number }: CallRequest, call: AppCall<Query>): AppCall<Query> {
    const { app, plan, timeline } = this.#world;
    const told = { seed: plan.seed, node, number, nowMs: timeline.now / usPerMs };
    return app.prepared?.(call, { ...told, records: this.#records }) ?? call;
  }

  #optionsOf({ timeoutMs, abortMs }: CallRequest, life: Life): CallOptions {
    const options = timeoutMs === 0 ? {} : { timeoutMs };
    if (abortMs === 0) return options;
    const signal = new Patience();
    this.#world.timeline.add(abortMs * usPerMs, "call", () => signal.abort(), life);
    return { ...options, signal };
  }

  #hand(
    record: CallRecord<Query, Answer>,
    replica: Replica<Query, Answer>,
    options: CallOptions,
  ): void {
    const { call } = record;
    const { coverage } = this.#world;
    const isLeader = replica.status().role === "leader";
    if (call.kind === "write") {
      if (!isLeader) coverage.count("write-at-follower");
      replica.propose(call.command, options).then(
        ({ index, result }: Applied) => this.#end(record, { kind: "applied", index, result }),
        (error: unknown) => this.#fail(record, error),
      );
      return;
    }
    const { query, consistency = "linearizable", stalenessMsMax } = call;
    const { atLeast } = record;
    if (atLeast > 0) coverage.count("read-at-least");
    if (stalenessMsMax !== undefined) coverage.count("read-bounded");
    else if (consistency === "local") coverage.count("read-local");
    else if (!isLeader) coverage.count("read-at-follower");
    else if (consistency === "lease") coverage.count("read-lease-at-leader");
    replica.read(query, { ...options, consistency, stalenessMsMax, atLeast }).then(
      ({ index, answer }: Answered<Answer>) =>
        this.#end(record, { kind: "answered", index, answer }),
      (error: unknown) => this.#fail(record, error),
    );
  }

  #fail(record: CallRecord<Query, Answer>, error: unknown): void {
    if (!(error instanceof RaftError)) {
      const { call, number } = record;
      const what = `call ${number}, a ${call.kind}, is rejected with ${String(error)}`;
      // What a query throws, its reader gets; nothing else may come of a call but a RaftError.
      const isQuery = call.kind === "read";
      this.#world.broken(
        isQuery ? new AppDefect(what, { cause: error }) : new Violation("contract", what),
      );
      return;
    }
    const { code, outcome } = error;
    const isSafe = outcome === "not-applied" || record.call.kind === "read";
    this.#end(record, { kind: isSafe ? "failed" : "unknown", code });
  }

  #end(record: CallRecord<Query, Answer>, ending: CallEnding<Answer>): void {
    // What a process says that is over by now, nobody hears.
    if (record.ending.kind !== "pending") return;
    this.#pending.delete(record);
    record.ending = ending;
    record.endOrder = this.#order++;
    record.endAt = this.#world.timeline.now;
    if (ending.kind === "applied") {
      const { app, coverage } = this.#world;
      coverage.countKnown(app.happening?.(record.call, ending.result) ?? "");
    }
    if ("index" in ending) {
      const { client } = record;
      this.#told.set(client, Math.max(this.#told.get(client) ?? 0, ending.index));
    }
    this.#world.ended(record);
  }
}

/** The call as it can be judged where clocks are what the plan says. */
function trusted<Query>({ leaseReads }: WholePlan, call: AppCall<Query>): AppCall<Query> {
  if (leaseReads === 1 || call.kind === "write") return call;
  const { stalenessMsMax: _, ...unbounded } = call;
  return call.consistency === "lease" ? { ...unbounded, consistency: "linearizable" } : unbounded;
}
