import type { RowId } from "./mutant.ts";

/** One way in which implementations of Raft went wrong. */
export interface Row {
  readonly id: RowId;
  /** The bug, in a few words. */
  readonly bug: string;
  /** Why there is no mutant of it, where there is none. */
  readonly absence: string | undefined;
}

function row(id: RowId, bug: string, absence?: string): Row {
  return { id, bug, absence };
}

const elections: readonly Row[] = [
  row("E1", "a vote is answered before it is durable"),
  row("E2", "a new term is not durable, or a restart forgets it"),
  row("E3", "term and vote are written apart, and a crash comes between"),
  row("E4", "stepping down within a term clears the vote"),
  row("E5", "each append clears the vote"),
  row("E6", "a change of role forgets the vote"),
  row("E7", "votes are counted by answers and not by voters"),
  row("E8", "votes of an earlier campaign count"),
  row("E9", "the own vote counts twice, or too early"),
  row("E10", "a quorum is one too small"),
  row("E11", "the logs of candidates are compared by length first"),
  row("E12", "the logs of candidates are not compared"),
  row("E13", "votes of nodes outside of the group count"),
  row("E14", "a candidate does not yield to the leader of its term"),
  row("E15", "a newer term in an answer is ignored"),
  row("E16", "a deposed leader resets election timers"),
  row("E17", "a vote that is denied resets the election timer"),
  row("E18", "an old leader's message leaves with the new term"),
  row("E19", "a pre-vote of an older term is not answered"),
  row("E20", "pre-votes block one another during a change of membership"),
  row("E21", "a pre-vote raises the term of who is asked"),
  row("E22", "the old leader's own pre-vote is refused"),
  row("E23", "a leader without a majority does not step down"),
  row("E24", "a group of one does not elect itself"),
];

const replication: readonly Row[] = [
  row("R1", "entries of an older term are committed by counting (Figure 8)"),
  row("R2", "every shorter append cuts the log"),
  row("R3", "appends at the start of the log are not compared"),
  row("R4", "a success acknowledges the follower's own tail"),
  row("R5", "a new leader takes the followers' logs for equal to its own"),
  row("R6", "an empty append is not compared"),
  row("R7", "a rejection moves the commit index"),
  row("R8", "a follower commits its own tail"),
  row("R9", "a heartbeat commits more than its receiver has"),
  row("R10", "the quorum's index is taken from an unsorted list"),
  row("R11", "a leader counts what its own disk does not have"),
  row("R12", "a follower acknowledges what its disk does not have"),
  row("R13", "a notice for overwritten entries counts for others (ABA)"),
  row("R14", "a client is answered before its entry is committed"),
  row("R15", "a late rejection takes a follower back behind what it acknowledged"),
  row("R16", "a rejection with a wrong index is repeated for ever"),
  row("R17", "heartbeats undo the search for the place where logs part"),
  row("R18", "many conflicting entries are never overcome"),
  row("R19", "a window is never freed"),
  row("R20", "an append before the compacted range deletes the log"),
  row("R21", "an append before the compacted range stops the node"),
  row("R22", "a leader lets its own log be overwritten"),
  row("R23", "an entry is committed without a quorum of voters"),
  row("R24", "a smaller quorum does not commit what waits"),
  row("R25", "the count of uncommitted bytes leaks"),
];

const storage: readonly Row[] = [
  row("D1", "entries count as applied before they are"),
  row("D2", "a restart takes what was committed for applied"),
  row("D3", "a state machine ahead of the stored commit index stops its node"),
  row("D4", "a commit index is durable before the entries that it names"),
  row("D5", "a torn tail is fatal, or accepted"),
  row("D6", "rot in the middle of the log cuts it"),
  row("D7", "a failed sync is ignored, or tried again"),
  row("D8", "an overwriting append is not synced"),
  row("D9", "a tail that was cut comes back"),
  row("D10", "a node with an empty disk takes part under its old id"),
  row("D11", "snapshot, log and hard state are written in the wrong order"),
  row("D12", "the durable index is not rolled back with the log"),
  row("D13", "entries kept in memory differ from those stored"),
  row("D14", "a node whose disk hangs leads on, or campaigns"),
  row("D15", "a state that is not the group's is served, or one that is stops its node"),
  row("D16", "a disk that is full of log stays full, or takes more than it has room for"),
];

const snapshots: readonly Row[] = [
  row("S1", "an old snapshot cuts a newer log"),
  row("S2", "a conflicting entry stays at the snapshot's index"),
  row("S3", "the whole log is dropped for a snapshot of its beginning"),
  row("S4", "a snapshot keeps an outdated membership"),
  row("S5", "installing a snapshot races with applying"),
  row("S6", "a snapshot has no membership"),
  row("S7", "a snapshot is refused by an outgoing voter"),
  row("S8", "the leader waits for ever for a snapshot's end"),
  row("S9", "a snapshot is of more than was applied"),
  row("S10", "a snapshot has no sessions"),
];

const membership: readonly Row[] = [
  row("M1", "a change before the first commit of the leader's term"),
  row("M2", "several nodes change at once without joint consensus"),
  row("M3", "a node campaigns with a configuration not yet applied"),
  row("M4", "a second change while one is under way"),
  row("M5", "an election by a quorum of the union"),
  row("M6", "a joint commit by one majority"),
  row("M7", "a joint configuration is never left"),
  row("M8", "a learner counts in a quorum"),
  row("M9", "a learner comes back as a voter"),
  row("M10", "a promoted learner refuses to vote"),
  row("M11", "a removed leader never steps down"),
  row("M12", "a removed leader steps down too early"),
  row("M13", "a removed node disturbs the group"),
  row("M14", "a removed leader counts itself"),
  row("M15", "replication goes on to removed nodes, or stops for learners"),
  row("M16", "a dead node that is added blocks the leader"),
  row("M17", "a half replicated change blocks elections"),
];

const clients: readonly Row[] = [
  row("L1", "a new leader answers reads before its first commit"),
  row("L2", "a read is answered without a majority"),
  row("L3", "an old confirmation counts for a newer read"),
  row("L4", "a read is answered before the state is new enough"),
  row("L5", "a lease outlives its clock"),
  row("L6", "a lease outlives a transfer of leadership"),
  row("L7", "proposals go on during a transfer of leadership"),
  row("L8", "a transfer of leadership never ends"),
  row("L9", "a transfer of leadership waits for a pre-vote"),
  row("L10", "a forwarded read is never answered"),
  row("L11", "a write is visible before it is committed"),
  row("L12", "a command that is sent again is executed twice"),
  row("L13", "a command that later commits is called lost"),
  row("L14", "another command at the same index answers the client"),
];

/** Every row of the catalogue of pitfalls. */
export const rows: readonly Row[] = [
  ...elections,
  ...replication,
  ...storage,
  ...snapshots,
  ...membership,
  ...clients,
];
