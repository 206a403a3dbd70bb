import { type NodeId, RaftError, type RoleKind, type Term } from "@quorate/core";
import type {
  Answered,
  Applied,
  CallOptions,
  MemberWish,
  MembersView,
  ReadOptions,
  Replica,
  ReplicaEvent,
  ReplicaMembers,
  ReplicaStatus,
  SnapshotTaken,
} from "@quorate/runtime";

/** The part of OpenTelemetry's `Span` that is used. */
export interface Span {
  setAttribute(key: string, value: string | number): unknown;
  /** `code` 2 says that it failed. */
  setStatus(status: { readonly code: number; readonly message?: string }): unknown;
  /** `endTime` is in milliseconds since 1970; by default now. */
  end(endTime?: number): void;
}

/** The part of OpenTelemetry's `Tracer` that is used: any that `trace.getTracer` gives will do. */
export interface Tracer {
  /** `startTime` is in milliseconds since 1970; with `root` the span begins a trace of its own. */
  startSpan(
    name: string,
    options?: {
      readonly attributes?: Readonly<Record<string, string | number>>;
      readonly startTime?: number;
      readonly root?: boolean;
    },
  ): Span;
}

/** `SpanStatusCode.ERROR`. */
const failed = 2;

/**
 * The same replica, each call of which is a span of `tracer`, a child of what is active where it is made:
 * `quorate.propose`, `quorate.read`, `quorate.snapshot`, `quorate.transfer_leadership` and
 * `quorate.change_members`. What it does by itself begins a trace of its own: `quorate.election`, from when
 * it wants to lead until it does or not, and `quorate.snapshot.take`, `send`, `receive` and `restore`, which
 * are made when they are over, with the time that they took. Attributes begin with `quorate.`: `node`,
 * `index`, `term`, `code` and `outcome` of an error.
 */
export function withTracing<Query, Answer>(
  replica: Replica<Query, Answer>,
  tracer: Tracer,
): Replica<Query, Answer> {
  return new TracedReplica(replica, tracer);
}

class TracedReplica<Query, Answer> implements Replica<Query, Answer> {
  readonly id: NodeId;
  readonly members: ReplicaMembers;
  readonly #replica: Replica<Query, Answer>;
  readonly #tracer: Tracer;
  #election: Span | undefined;
  /** The newest term that was told of. */
  #term: Term;

  constructor(replica: Replica<Query, Answer>, tracer: Tracer) {
    this.id = replica.id;
    this.#replica = replica;
    this.#tracer = tracer;
    this.members = this.#traced(replica.members);
    this.#term = replica.status().term;
    replica.subscribe((event) => this.#onEvent(event));
  }

  propose(command: Uint8Array, options?: CallOptions): Promise<Applied> {
    return this.#span("propose", { bytes: command.length }, async (span) => {
      const applied = await this.#replica.propose(command, options);
      span.setAttribute("quorate.index", applied.index);
      return applied;
    });
  }

  read(query: Query, options?: ReadOptions): Promise<Answered<Answer>> {
    const { consistency = "linearizable" } = options ?? {};
    return this.#span("read", { consistency }, async (span) => {
      const answered = await this.#replica.read(query, options);
      span.setAttribute("quorate.index", answered.index);
      return answered;
    });
  }

  snapshot(options?: CallOptions): Promise<SnapshotTaken> {
    return this.#span("snapshot", {}, async (span) => {
      const taken = await this.#replica.snapshot(options);
      span.setAttribute("quorate.index", taken.index);
      return taken;
    });
  }

  transferLeadership(to?: NodeId, options?: CallOptions): Promise<NodeId> {
    return this.#span("transfer_leadership", {}, async (span) => {
      const leader = await this.#replica.transferLeadership(to, options);
      span.setAttribute("quorate.leader", leader);
      return leader;
    });
  }

  forgetLeader(): NodeId {
    return this.#replica.forgetLeader();
  }

  status(): ReplicaStatus {
    return this.#replica.status();
  }

  flightRecord(): Uint8Array | undefined {
    return this.#replica.flightRecord();
  }

  subscribe(listener: (event: ReplicaEvent) => void): () => void {
    return this.#replica.subscribe(listener);
  }

  async close(): Promise<void> {
    await this.#replica.close();
    this.#endElection("closed");
  }

  #traced(members: ReplicaMembers): ReplicaMembers {
    const change = async (
      kind: MemberWish["kind"],
      make: () => Promise<MembersView>,
    ): Promise<MembersView> => await this.#span("change_members", { change: kind }, make);
    return {
      list: () => members.list(),
      plan: (wish) => members.plan(wish),
      add: (member, options) => change("add", () => members.add(member, options)),
      remove: (id, options) => change("remove", () => members.remove(id, options)),
      promote: (id, options) => change("promote", () => members.promote(id, options)),
      demote: (id, options) => change("demote", () => members.demote(id, options)),
      replace: (id, by, options) => change("replace", () => members.replace(id, by, options)),
      set: (wanted, options) => change("set", () => members.set(wanted, options)),
      update: (member, options) => change("update", () => members.update(member, options)),
      change: (wish, options) => change(wish.kind, () => members.change(wish, options)),
    };
  }

  async #span<T>(
    name: string,
    attributes: Readonly<Record<string, string | number>>,
    work: (span: Span) => Promise<T>,
  ): Promise<T> {
    const span = this.#start(name, attributes);
    try {
      return await work(span);
    } catch (error) {
      failSpan(span, error);
      throw error;
    } finally {
      span.setAttribute("quorate.term", this.#term);
      span.end();
    }
  }

  /** Begins a span: now, below what is active, or as a trace of its own, at `startTime`. */
  #start(
    name: string,
    attributes: Readonly<Record<string, string | number>>,
    startTime?: number,
  ): Span {
    const named: Record<string, string | number> = { "quorate.node": this.id };
    for (const [key, value] of Object.entries(attributes)) named[`quorate.${key}`] = value;
    const own = startTime === undefined ? {} : { startTime, root: true };
    return this.#tracer.startSpan(`quorate.${name}`, { attributes: named, ...own });
  }

  #onEvent(event: ReplicaEvent): void {
    if ("term" in event) this.#term = Math.max(this.#term, event.term);
    switch (event.kind) {
      case "role-changed":
        this.#onRole(event.role, event.term);
        break;
      case "snapshot-taken":
        this.#over("take", event.ms, { index: event.index, bytes: event.bytes });
        break;
      case "snapshot-sent":
        this.#over("send", event.ms, { peer: event.peer, index: event.index });
        break;
      case "snapshot-received": {
        const { peer, index, bytes } = event;
        this.#over("receive", event.ms, { peer, index, bytes });
        break;
      }
      case "snapshot-restored":
        this.#over("restore", event.ms, { index: event.index });
        break;
      case "snapshot-failed":
        this.#over("take", 0, {}, event.error);
        break;
      case "snapshot-given-up":
        this.#over("send", 0, { peer: event.peer }, event.error);
        break;
      default:
        break;
    }
  }

  #onRole(role: RoleKind, term: Term): void {
    // Who is alone leads before anybody hears that it was a candidate.
    if (role !== "follower") this.#election ??= this.#start("election", { term }, Date.now());
    if (role === "follower" || role === "leader") this.#endElection(role);
  }

  /** Makes the span of a step of a snapshot that is over after `ms` milliseconds. */
  #over(
    step: string,
    ms: number,
    attributes: Readonly<Record<string, string | number>>,
    error?: RaftError,
  ): void {
    const now = Date.now();
    const span = this.#start(`snapshot.${step}`, attributes, now - ms);
    span.setAttribute("quorate.term", this.#term);
    if (error !== undefined) failSpan(span, error);
    span.end(now);
  }

  #endElection(role: string): void {
    const span = this.#election;
    if (span === undefined) return;
    this.#election = undefined;
    span.setAttribute("quorate.role", role);
    span.setAttribute("quorate.term", this.#term);
    span.end();
  }
}

/** Says in `span` what went wrong. */
function failSpan(span: Span, error: unknown): void {
  if (error instanceof RaftError) {
    span.setAttribute("quorate.code", error.code);
    span.setAttribute("quorate.outcome", error.outcome);
  }
  span.setStatus({ code: failed, message: error instanceof Error ? error.message : "" });
}
