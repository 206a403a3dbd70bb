import {
  type AppendEntries,
  type AppendEntriesResponse,
  type Heartbeat,
  type LogIndex,
  type NodeId,
  none,
  type Ready,
  type RequestVote,
  type RequestVoteResponse,
  type Status,
} from "@quorate/core";
import {
  isRequest,
  isSpoken,
  messageEventName,
  type Numbering,
  type TlaSpoken,
  type View,
} from "./numbering.ts";
import { newPlace, type Page, type Place } from "./page.ts";
import type { Copy, Post, ReadyMark } from "./post.ts";
import type { TlaEventName, TlaMessage } from "./tla-event.ts";
import type { AnswerKind, TracedNode } from "./traced-node.ts";

/** What a node says to itself. */
type OwnMessage = RequestVoteResponse | AppendEntriesResponse;

type Answer = Exclude<TlaSpoken, RequestVote | AppendEntries | Heartbeat>;

/** Writes what nodes do, as the specification tells it. */
export class Scribe {
  readonly #numbering: Numbering;
  readonly #page: Page;
  readonly #post: Post;

  constructor(numbering: Numbering, page: Page, post: Post) {
    this.#numbering = numbering;
    this.#page = page;
    this.#post = post;
  }

  /** A node starts for the first time. */
  writeBootstrap(id: NodeId): void {
    for (const event of this.#numbering.bootstrap(id)) this.#page.put(newPlace(event, 1));
  }

  /** A node starts again. */
  writeRestart(status: Status): void {
    this.#add("InitState", status);
  }

  /** A node took a step on its own, or by something that the specification has no word for. */
  writeStep(node: TracedNode, before: Status, after: Status): void {
    if (after.role === "candidate" && after.term > before.term) this.#writeCampaign(node, after);
    else this.#writeChange(node, before, after);
  }

  /** A node took in a message, which `copy` is to the specification. */
  writeReceived(
    node: TracedNode,
    step: { readonly before: Status; readonly after: Status },
    message: TlaSpoken,
    copy: Copy,
  ): void {
    const { before, after } = step;
    this.#add(messageEventName("Receive", copy.message), before, copy.message);
    if (isRequest(message)) node.owe(answerKind(message, before), message.from, after.term);
    if (message.kind === "append-entries-response" && message.term === after.term) {
      node.heard.add(message.from);
    }
    // A new term comes before all that the message does in it.
    if (after.term > before.term) this.#add("BecomeFollower", followerView(before, after));
    else this.#writeChange(node, before, after);
  }

  /** Keeps the moment, if the node could make heartbeats now that it could not make before. */
  keepMoment(node: TracedNode): void {
    if (!node.hasNewMoment) return;
    const place = newPlace(undefined, 0);
    this.#page.put(place);
    node.keepMoment(place);
  }

  /** A host took a Ready. Returns why the specification cannot have it, or undefined. */
  writeReady(node: TracedNode, ready: Ready): string | undefined {
    const place = newPlace(this.#numbering.event("Ready", node.status), 0);
    const mark: ReadyMark = { place, durable: node.durable, isNeeded: false };
    for (const message of [...ready.messages, ...ready.messagesAfterPersist]) {
      if (!isSpoken(message)) continue;
      const isKnown = this.#writeSend(node, message, mark);
      if (!isKnown) return `node ${node.id} sends a heartbeat that no leader would`;
    }
    for (const { message, told } of node.notes) {
      this.#post.send(message, { message: told, mark, sending: undefined });
    }
    this.#page.put(place);
    node.takeReady(mark);
    return undefined;
  }

  /** The vote of a candidate for itself is durable, and counts, unless it did already. */
  writeOwnVote(node: TracedNode): void {
    const { status } = node;
    if (status.role !== "candidate" || node.hasOwnVote) return;
    node.hasOwnVote = true;
    this.#receiveOwn(status, ownVote(status));
  }

  #writeCampaign(node: TracedNode, after: Status): void {
    node.hasOwnVote = false;
    this.#add("BecomeCandidate", after);
    const { id: from, term, last } = after;
    for (const to of after.voters) {
      if (to === from) {
        this.#writeNote(node, after, ownVote(after));
        continue;
      }
      const told = this.#numbering.message({ kind: "request-vote", from, to, term, last });
      node.keepVoteRequest(to, term, this.#add("SendRequestVoteRequest", after, told));
    }
  }

  /** How a role, a log and a commit index changed within a term, in this order. */
  #writeChange(node: TracedNode, before: Status, after: Status): void {
    if (after.role === "leader") this.#writeLeading(node, before, after);
    else if (before.role !== "follower" && after.role === "follower") {
      this.#add("BecomeFollower", followerView(before, after));
    }
  }

  #writeLeading(node: TracedNode, before: Status, after: Status): void {
    const view = { ...after, last: before.last, commitIndex: before.commitIndex };
    if (before.role !== "leader") {
      this.writeOwnVote(node);
      node.heard = new Set();
      this.#add("BecomeLeader", view);
    }
    for (let index = before.last.index; index < after.last.index; index++) {
      this.#add("Replicate", { ...view, last: { term: after.term, index } });
    }
    const grown = { ...view, last: after.last };
    if (after.last.index > before.last.index) {
      this.#writeNote(node, grown, ownAck(after, after.last.index));
    }
    if (after.persistedIndex > before.persistedIndex) {
      this.#receiveOwn(grown, ownAck(after, after.persistedIndex));
    }
    if (after.commitIndex > before.commitIndex) this.#add("Commit", after);
  }

  /** A node says something to itself: in the specification that is a message like any other. */
  #writeNote(node: TracedNode, view: View, message: OwnMessage): void {
    const told = this.#numbering.message(message);
    this.#add(messageEventName("Send", told), view, told);
    node.notes.push({ message, told });
  }

  /** What a node said to itself takes effect, if it said it: of an older leader's entries it did not. */
  #receiveOwn(view: View, message: OwnMessage): void {
    const copy = this.#post.take(message);
    if (copy === undefined) return;
    this.#add(messageEventName("Receive", copy.message), view, copy.message);
  }

  /** A Ready holds `message`. False if the node cannot have made it. */
  #writeSend(node: TracedNode, message: TlaSpoken, mark: ReadyMark): boolean {
    switch (message.kind) {
      case "heartbeat":
        return this.#writeHeartbeat(node, message, mark);
      case "request-vote":
        this.#post.send(message, {
          message: this.#numbering.message(message),
          mark,
          sending: node.voteRequest(message.to, message.term),
        });
        return true;
      case "append-entries":
        this.#send(node, message, this.#numbering.message(message), mark);
        return true;
      default:
        this.#writeAnswer(node, message, mark);
        return true;
    }
  }

  /** An answer, unless to something that the specification never saw. */
  #writeAnswer(node: TracedNode, message: Answer, mark: ReadyMark): void {
    if (message.kind === "heartbeat-response") {
      if (node.pay("heartbeat", message)) {
        this.#send(node, message, this.#numbering.message(message), mark);
      } else if (node.pay("stale", message)) {
        this.#send(node, message, this.#numbering.staleAnswer(message), mark);
      }
      return;
    }
    const kind = message.kind === "request-vote-response" ? "vote" : "append";
    if (node.pay(kind, message)) {
      this.#send(node, message, this.#numbering.message(message), mark);
    }
  }

  /** A heartbeat is written where it was made: what it says of the commit index was true then. */
  #writeHeartbeat(node: TracedNode, message: Heartbeat, mark: ReadyMark): boolean {
    const moment = node.moments.findLast(({ status }) => wouldSay(status, message));
    if (moment === undefined) return false;
    const { place, status, heard } = moment;
    // Of those who have not answered yet, the specification knows nothing, not even the beginning.
    const commit = heard.has(message.to) ? this.#numbering.index(message.commitIndex) : 0;
    const told = this.#numbering.heartbeat(message, commit);
    const sending = newPlace(this.#numbering.event("SendAppendEntriesRequest", status, told), 1);
    place.inner.push(sending);
    this.#post.send(message, { message: told, mark, sending });
    return true;
  }

  #send(node: TracedNode, message: TlaSpoken, told: TlaMessage, mark: ReadyMark): void {
    const sending = this.#add(messageEventName("Send", told), node.status, told);
    this.#post.send(message, { message: told, mark, sending });
  }

  #add(name: TlaEventName, view: View, told?: TlaMessage): Place {
    const place = newPlace(this.#numbering.event(name, view, told), 1);
    this.#page.put(place);
    return place;
  }
}

function answerKind(message: TlaSpoken, before: Status): AnswerKind {
  if (message.kind === "request-vote") return "vote";
  if (message.term < before.term) return "stale";
  return message.kind === "heartbeat" ? "heartbeat" : "append";
}

/** Whether a leader of this status says in a heartbeat what `message` says. */
function wouldSay(status: Status, { to, term, commitIndex }: Heartbeat): boolean {
  const matchIndex = status.progress.find(({ id }) => id === to)?.matchIndex ?? 0;
  return status.term === term && Math.min(status.commitIndex, matchIndex) === commitIndex;
}

/** A node that became a follower, before it did anything as one. */
function followerView(before: Status, after: Status): View {
  const vote = after.term > before.term ? none : after.vote;
  return { ...after, vote, last: before.last, commitIndex: before.commitIndex };
}

function ownVote({ id, term }: Status): OwnMessage {
  return { kind: "request-vote-response", from: id, to: id, term, granted: true };
}

function ownAck({ id, term }: Status, matchIndex: LogIndex): OwnMessage {
  return { kind: "append-entries-response", from: id, to: id, term, matchIndex };
}
