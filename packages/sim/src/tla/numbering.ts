import {
  assert,
  type Heartbeat,
  type HeartbeatResponse,
  type LogIndex,
  type Message,
  type NodeId,
  type RoleKind,
  type Status,
  type Term,
} from "@quorate/core";
import type { TlaEvent, TlaEventName, TlaMessage, TlaMessageType, TlaRole } from "./tla-event.ts";

/** What an event shows of its node. */
export type View = Pick<Status, "id" | "role" | "term" | "vote" | "last" | "commitIndex">;

/** What the specification has words for. */
export type TlaSpoken = Exclude<
  Message,
  {
    readonly kind:
      | "pre-vote"
      | "pre-vote-response"
      | "propose"
      | "read-index"
      | "read-index-response"
      | "install-snapshot"
      | "timeout-now";
  }
>;

/** Whether the specification has a word for `message`. */
export function isSpoken(message: Message): message is TlaSpoken {
  return message.kind in messageTypes;
}

/** Whether `message` asks for an answer. */
export function isRequest(message: TlaSpoken): boolean {
  const { kind } = message;
  return kind === "request-vote" || kind === "append-entries" || kind === "heartbeat";
}

/**
 * Translates into the numbers of the specification. Its logs begin with one configuration entry for each
 * voter, of term 1 and committed, as etcd's do; ours begin empty, in term 0. So every index is larger by
 * the number of voters, and every term by 1: what precedes our first entry is their last configuration
 * entry. Nothing else differs, since both are only ever compared.
 */
export class Numbering {
  readonly voters: readonly NodeId[];

  constructor(voters: readonly NodeId[]) {
    this.voters = voters;
  }

  term(term: Term): number {
    return term + 1;
  }

  index(index: LogIndex): number {
    return index + this.voters.length;
  }

  /** An event of the node that `view` shows; `told` is the message that it is about. */
  event(name: TlaEventName, view: View, told?: TlaMessage): TlaEvent {
    const event: TlaEvent = {
      name,
      nid: String(view.id),
      state: {
        term: this.term(view.term),
        vote: String(view.vote),
        commit: this.index(view.commitIndex),
      },
      role: roleOf(view.role),
      log: this.index(view.last.index),
      conf: [this.voters.map(String), []],
    };
    return told === undefined ? event : { ...event, message: told };
  }

  /**
   * How a node of etcd gets the configuration that all begin with: it starts with nothing, enters term 1,
   * and applies one entry for each voter.
   */
  bootstrap(id: NodeId): readonly TlaEvent[] {
    const ids = this.voters.map(String);
    const init: TlaEvent = {
      name: "InitState",
      nid: String(id),
      state: { term: 0, vote: "0", commit: 0 },
      role: "StateFollower",
      log: 0,
      conf: [[], []],
    };
    const state = { ...init.state, term: 1 };
    const changes = ids.map((_, offset): TlaEvent => ({
      ...init,
      name: "ApplyConfChange",
      state: { ...state, commit: ids.length },
      log: ids.length,
      conf: [ids.slice(0, offset), []],
      prop: { cc: { newconf: ids.slice(0, offset + 1) } },
    }));
    return [init, { ...init, name: "BecomeFollower", state }, ...changes];
  }

  /** A message as the specification has it. For a heartbeat, see below: its commit index takes more. */
  message(message: Exclude<TlaSpoken, Heartbeat>): TlaMessage {
    const base = this.#envelope(message);
    switch (message.kind) {
      case "request-vote": {
        const { term, index } = message.last;
        return { ...base, logTerm: this.term(term), index: this.index(index) };
      }
      case "request-vote-response":
        return { ...base, reject: !message.granted };
      case "append-entries": {
        const { prev, entries, commitIndex } = message;
        return {
          ...base,
          entries: entries.length,
          logTerm: this.term(prev.term),
          index: this.index(prev.index),
          // More than this the receiver does not learn from it, and more the specification never says.
          commit: this.index(Math.min(commitIndex, prev.index + entries.length)),
        };
      }
      case "append-entries-response":
        return { ...base, index: this.index(message.matchIndex) };
      case "append-entries-rejection": {
        const { prevIndex, hint } = message;
        return {
          ...base,
          index: this.index(prevIndex),
          logTerm: this.term(hint.term),
          reject: true,
          rejectHint: this.index(hint.index),
        };
      }
      case "heartbeat-response":
        return base;
    }
  }

  /** A heartbeat that says `commit`, in the numbers of the specification. */
  heartbeat(message: Heartbeat, commit: number): TlaMessage {
    return { ...this.#envelope(message), commit };
  }

  /** The answer to what an old leader sent: for the specification a rejection. */
  staleAnswer(message: HeartbeatResponse): TlaMessage {
    return { ...this.#envelope(message), type: "MsgAppResp", reject: true };
  }

  #envelope({ kind, from, to, term }: TlaSpoken): TlaMessage {
    return {
      type: messageTypes[kind],
      term: this.term(term),
      from: String(from),
      to: String(to),
      entries: 0,
      logTerm: 0,
      index: 0,
      commit: 0,
      vote: "0",
      reject: false,
      rejectHint: 0,
    };
  }
}

/** The event of sending, or receiving, a message. */
export function messageEventName(what: "Send" | "Receive", message: TlaMessage): TlaEventName {
  switch (message.type) {
    case "MsgVote":
      return `${what}RequestVoteRequest`;
    case "MsgVoteResp":
      return `${what}RequestVoteResponse`;
    case "MsgApp":
    case "MsgHeartbeat":
      return `${what}AppendEntriesRequest`;
    case "MsgAppResp":
    case "MsgHeartbeatResp":
      return `${what}AppendEntriesResponse`;
  }
}

const messageTypes: Readonly<Record<TlaSpoken["kind"], TlaMessageType>> = {
  "request-vote": "MsgVote",
  "request-vote-response": "MsgVoteResp",
  "append-entries": "MsgApp",
  "append-entries-response": "MsgAppResp",
  "append-entries-rejection": "MsgAppResp",
  heartbeat: "MsgHeartbeat",
  "heartbeat-response": "MsgHeartbeatResp",
};

function roleOf(role: RoleKind): TlaRole {
  assert(role !== "pre-candidate", "a run without pre-vote has no pre-candidates");
  const roles = {
    follower: "StateFollower",
    candidate: "StateCandidate",
    leader: "StateLeader",
  } as const;
  return roles[role];
}
