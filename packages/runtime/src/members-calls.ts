import { isSafe, type LogIndex, type NodeId, RaftError } from "@quorate/core";
import { type Calls, methods } from "./calls.ts";
import { decodeChanged, encodeChangeMembers } from "./member-codec.ts";
import type { MemberPlan } from "./member-plan.ts";
import { type MemberOrNew, type MemberWish, type NewMember, validateWish } from "./member-wish.ts";
import type { Members } from "./members.ts";
import { type MembersView, viewOf } from "./members-view.ts";
import type { ChangeOptions, ReplicaMembers } from "./replica.ts";

/** The members of a group, as a replica offers them to its users. */
export class MembersCalls implements ReplicaMembers {
  readonly #members: Members;
  readonly #calls: Calls;
  readonly #timeoutMs: number;

  /** `timeoutMs` is how long a change may take unless its options say otherwise. */
  constructor(members: Members, calls: Calls, timeoutMs: number) {
    this.#members = members;
    this.#calls = calls;
    this.#timeoutMs = timeoutMs;
  }

  list(): MembersView {
    return this.#members.view();
  }

  plan(wish: MemberWish): MemberPlan {
    return this.#members.plan(wish);
  }

  add(
    member: NewMember & { readonly as?: "voter" | "learner" | undefined },
    options?: ChangeOptions,
  ): Promise<MembersView> {
    return this.change({ ...member, kind: "add" }, options);
  }

  remove(id: NodeId, options?: ChangeOptions): Promise<MembersView> {
    return this.change({ kind: "remove", id }, options);
  }

  promote(id: NodeId, options?: ChangeOptions): Promise<MembersView> {
    return this.change({ kind: "promote", id }, options);
  }

  demote(id: NodeId, options?: ChangeOptions): Promise<MembersView> {
    return this.change({ kind: "demote", id }, options);
  }

  replace(id: NodeId, by: NewMember, options?: ChangeOptions): Promise<MembersView> {
    return this.change({ kind: "replace", id, by }, options);
  }

  set(
    members: {
      readonly voters: readonly MemberOrNew[];
      readonly learners?: readonly MemberOrNew[] | undefined;
    },
    options?: ChangeOptions,
  ): Promise<MembersView> {
    return this.change({ ...members, kind: "set" }, options);
  }

  update(
    member: {
      readonly id: NodeId;
      readonly address?: string | undefined;
      readonly priority?: number | undefined;
    },
    options?: ChangeOptions,
  ): Promise<MembersView> {
    return this.change({ ...member, kind: "update" }, options);
  }

  async change(wish: MemberWish, options: ChangeOptions = {}): Promise<MembersView> {
    validateWish(wish);
    const payload = encodeChangeMembers({ wish, ifIndex: checkedIndex(options.ifIndex) });
    const answer = await this.#calls.submit(
      methods.changeMembers,
      payload,
      options,
      this.#timeoutMs,
    );
    const { membership, index } = decodeChanged(answer);
    return viewOf(membership, index);
  }
}

function checkedIndex(ifIndex: LogIndex | undefined): LogIndex | undefined {
  if (ifIndex === undefined || isSafe(ifIndex)) return ifIndex;
  throw new RaftError("invalid_argument", `ifIndex must be an index: got ${String(ifIndex)}`);
}
