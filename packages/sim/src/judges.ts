import type { RaftOptions } from "@quorate/core";
import type { Disks, Judge } from "./judge.ts";
import { AcknowledgedKept } from "./judges/acknowledged-kept.ts";
import { ChangeDurable } from "./judges/change-durable.ts";
import { CommitDurable } from "./judges/commit-durable.ts";
import { CommitMonotone } from "./judges/commit-monotone.ts";
import { ConfigurationApplied } from "./judges/configuration-applied.ts";
import { ElectedByMajority } from "./judges/elected-by-majority.ts";
import { ElectionSafety } from "./judges/election-safety.ts";
import { IndexOrder } from "./judges/index-order.ts";
import { LeaderAppendOnly } from "./judges/leader-append-only.ts";
import { LeaderCompleteness } from "./judges/leader-completeness.ts";
import { LinearizableReads } from "./judges/linearizable-reads.ts";
import { LogMatching } from "./judges/log-matching.ts";
import { OneChange } from "./judges/one-change.ts";
import { ProgressBounds } from "./judges/progress-bounds.ts";
import { ReadsConfirmed } from "./judges/reads-confirmed.ts";
import { SnapshotSound } from "./judges/snapshot-sound.ts";
import { StateMachineSafety } from "./judges/state-machine-safety.ts";
import { TermMonotone } from "./judges/term-monotone.ts";
import { VotedUpToDate } from "./judges/voted-up-to-date.ts";
import { VoteOnce } from "./judges/vote-once.ts";

/** The judges of every invariant, each for one run. Where one has two, the second sees the cause. */
export function newJudges(disks: Disks, options: RaftOptions): readonly Judge[] {
  return [
    new ElectionSafety(),
    new ElectedByMajority(disks),
    new LeaderAppendOnly(),
    new LogMatching(),
    new LeaderCompleteness(),
    new VotedUpToDate(),
    new StateMachineSafety(),
    new TermMonotone(),
    new VoteOnce(),
    new CommitMonotone(),
    new IndexOrder(),
    new CommitDurable(disks),
    new LinearizableReads(),
    new ReadsConfirmed(),
    new AcknowledgedKept(),
    new ProgressBounds(disks, options),
    new SnapshotSound(),
    new ConfigurationApplied(),
    new ChangeDurable(disks),
    new OneChange(),
  ];
}
