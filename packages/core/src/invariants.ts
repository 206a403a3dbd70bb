import { assert, unreachable } from "./assert.ts";
import { confStateFlaw } from "./conf-state.ts";
import { origin } from "./entry.ts";
import { none } from "./ids.ts";
import type { RaftState } from "./state.ts";
import type { Status } from "./status.ts";

/** What must hold of one node at any moment. Looks at the whole state, but not at each entry. */
export function checkState(state: RaftState): void {
  const { log, role } = state;
  assert(log.base.index <= log.persistedIndex, "I10: what was compacted was durable");
  assert(log.persistedIndex <= log.handedIndex, "I10: only what was handed out becomes durable");
  assert(log.handedIndex <= log.lastIndex, "I10: only what is in the log is handed out");
  assert(state.appliedIndex <= state.applyingIndex, "I9: only what was handed out is applied");
  assert(state.applyingIndex <= state.commitIndex, "I9: only what is committed is applied (§5.3)");
  assert(
    state.restoring !== undefined || log.base.index <= state.applyingIndex,
    "I14: only what was applied is compacted",
  );
  assert(state.applyingIndex <= log.persistedIndex, "I9: only what is durable here is applied");
  assert(state.commitIndex <= log.lastIndex, "I9: only what is in the log is committed");
  assert(log.last.term <= state.term, "I6: no entry is of a later term than the node");
  assert(
    log.base.index <= (state.snapshot ?? origin).index,
    "I14: a snapshot stands in for what was compacted (§7)",
  );
  assert(confStateFlaw(state.confState) === undefined, "I15: the configuration is possible");
  switch (role.kind) {
    case "leader":
      assert(state.vote === state.id, "I1: a leader voted for itself (§5.2)");
      assert(role.uncommittedBytes >= 0, "the uncommitted tail has a size");
      assert(
        role.peers.size === state.peers.length && state.peers.every((id) => role.peers.has(id)),
        "I15: a leader keeps an eye on the members, and on nobody else",
      );
      for (const { progress } of role.peers.values()) {
        assert(
          progress.matchIndex < progress.nextIndex,
          "I13: what is acknowledged is not sent again",
        );
        assert(progress.nextIndex <= log.lastIndex + 1, "I13: only what is in the log is sent");
      }
      break;
    case "candidate":
      assert(state.vote === state.id, "I7: a candidate votes for itself (§5.2)");
      break;
    case "follower":
      assert(role.leader !== state.id, "a node does not follow itself");
      assert(role.leader !== none || role.reads.size === 0, "reads wait for a leader");
      break;
    case "pre-candidate":
      break;
    default:
      unreachable(role);
  }
}

/** What needs two looks at a node that did not crash in between. */
export function checkStep(before: Status, after: Status): void {
  assert(before.id === after.id, "both looks are at one node");
  assert(before.term <= after.term, "I6: the term never decreases (§5.1)");
  assert(before.commitIndex <= after.commitIndex, "I8: commitIndex never decreases (§5.3)");
  assert(before.appliedIndex <= after.appliedIndex, "I8: appliedIndex never decreases (§5.3)");
  assert(before.confIndex <= after.confIndex, "I15: no change of the configuration is undone");
  assert(before.firstIndex <= after.firstIndex, "I14: what was compacted does not come back");
  assert(before.snapshotIndex <= after.snapshotIndex, "I14: no older snapshot takes over");
  if (before.term !== after.term) return;

  if (before.vote !== none) assert(before.vote === after.vote, "I7: one vote in a term (§5.2)");
  if (before.leader !== none && after.leader !== none) {
    assert(before.leader === after.leader, "I1: one leader in a term (§5.2)");
  }
  if (before.role === "leader" && after.role === "leader") {
    assert(before.last.index <= after.last.index, "I2: a leader only appends (§5.3)");
  }
}
