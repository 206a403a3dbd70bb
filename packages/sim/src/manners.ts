import {
  isUpToDate,
  type Message,
  type NodeId,
  none,
  type PeerStatus,
  type PreVote,
  type RaftOptions,
  type Status,
} from "@quorate/core";
import { Violation } from "./judge.ts";

/**
 * Checks what a node owes to the sender of a message, whatever else it does. No safety depends on
 * this, and nothing may ever get stuck without it; but elections are needless or slow.
 */
export function checkManners(
  before: Status,
  after: Status,
  message: Message,
  options: RaftOptions,
): void {
  const { id } = after;
  switch (message.kind) {
    case "pre-vote": {
      const isSame =
        before.term === after.term &&
        before.vote === after.vote &&
        before.electionElapsedTicks === after.electionElapsedTicks &&
        (before.role === after.role || givesWay(before, after, message));
      require(isSame, `node ${id} changed when it was merely asked if it would vote (thesis §9.6)`);
      break;
    }
    case "request-vote":
      checkVoter(before, after, message, options);
      break;
    case "append-entries":
    case "install-snapshot":
    case "heartbeat":
      if (message.term === after.term) {
        const follows = after.role === "follower" && after.leader === message.from;
        require(follows, `node ${id} does not follow the leader it hears from (§5.2)`);
      } else {
        const waits = hasWaitedAnew(before, after);
        require(!waits, `node ${id} waits for a deposed leader (§5.2)`);
      }
      break;
    case "heartbeat-response": {
      const was = probeOf(before, message.from);
      const is = probeOf(after, message.from);
      const again = was !== undefined && is !== undefined && is.nextIndex > was.nextIndex;
      require(!again, `node ${id} looks for the end of node ${message.from} from the start again`);
      break;
    }
    default:
      break;
  }
}

/** Whether a node that asks around as well gives way to the sender, who has precedence. */
function givesWay(before: Status, after: Status, { from, last }: PreVote): boolean {
  const asks = before.role === "pre-candidate" && after.role === "follower";
  const isLonger = !isUpToDate(before.last, last);
  return asks && isUpToDate(last, before.last) && (isLonger || from < before.id);
}

/** What a leader knows of a follower's log while it looks for where that ends. */
function probeOf({ progress }: Status, follower: NodeId): PeerStatus | undefined {
  return progress.find(({ id, kind }) => id === follower && kind === "probe");
}

function checkVoter(before: Status, after: Status, message: Message, options: RaftOptions): void {
  const { checkQuorum = true, electionTimeoutTicks = 10 } = options;
  // The leader itself may ask for the campaign (thesis §3.10).
  const isTransfer = message.kind === "request-vote" && message.transfer === true;
  const hearsLeader =
    !isTransfer && before.leader !== none && before.electionElapsedTicks < electionTimeoutTicks;
  if (checkQuorum && hearsLeader) {
    const isSame = before.term === after.term && before.vote === after.vote;
    require(isSame, `node ${after.id} hears from a leader, and minds a candidate (thesis §4.2.3)`);
  }
  if (after.vote !== message.from || after.term !== message.term) {
    const waits = hasWaitedAnew(before, after);
    require(!waits, `node ${after.id} waits for one it did not vote for`);
  }
}

/** Whether a node that follows has started its election timer again. */
function hasWaitedAnew(before: Status, after: Status): boolean {
  if (before.role === "leader") return false;
  return after.electionElapsedTicks < before.electionElapsedTicks;
}

function require(condition: boolean, what: string): void {
  if (!condition) throw new Violation("contract", what);
}
