import type { InspectedDataDir, RecoveryPlan } from "quorate";
import { describeConfState } from "./member-command.ts";

/** What a recovery is told and tells, in words. */

/** One survivor, for the comparison with others that are elsewhere. */
export function renderSurvivor(found: InspectedDataDir): string {
  const { path, log, confState, holder } = found;
  const { identity, last, hardState, snapshots, damages } = log;
  const newest = snapshots.find(({ isNewest }) => isNewest)?.stored.snapshot.index ?? 0;
  const lines = [
    `node ${identity?.nodeId ?? "unknown"} of ${identity?.clusterId ?? "unknown"}: last entry ` +
      `${last.term}/${last.index}, committed up to ${hardState.commitIndex}, snapshot ${newest}, ` +
      `term ${hardState.term}`,
    `  ${path}; ${describeConfState(confState)}`,
  ];
  if (holder !== undefined) lines.push("  running: stop it before it is recovered from");
  for (const { message } of damages) lines.push(`  damaged, so its log ends here: ${message}`);
  if (identity !== undefined) {
    lines.push(`  told elsewhere as: --other ${identity.nodeId}=${last.term}/${last.index}`);
  }
  return lines.join("\n");
}

/** How survivors on several machines are compared. */
export const rule =
  "Go on from the node whose last entry has the highest term and, of several, the highest index.";

/** What will be done, and what it means. */
export function renderPlan(plan: RecoveryPlan, into: string): string {
  const { from, oldClusterId, clusterId, id, lastIndex, certainIndex, snapshot } = plan;
  const first = snapshot?.snapshot.index;
  const state = first === undefined ? "" : ` It begins with the snapshot at ${first}.`;
  return [
    `Group ${oldClusterId}: ${describeConfState(plan.confState)}, as far as is known here.`,
    ...plan.survivors.map((survivor) => {
      const { last, commitIndex } = survivor;
      const mark = survivor === from ? "  <- goes on" : "";
      return (
        `  node ${survivor.id}: last entry ${last.term}/${last.index}, ` +
        `committed up to ${commitIndex}, ${survivor.path}${mark}`
      );
    }),
    `Lost: ${lostOf(plan)}.`,
    "",
    `Certain:   up to index ${certainIndex} all was committed, and is kept.`,
    `Undecided: ${undecided(certainIndex, lastIndex)}`,
    `Lost:      ${whatIsLost(plan)}`,
    "",
    `${into} becomes node ${id} of a new group, ${clusterId}, with all entries up to ${lastIndex}, and ` +
      `with no other member.${state} No node of ${oldClusterId} can talk to it. ${from.path} stays as it is.`,
  ].join("\n");
}

function lostOf({ lostVoters, confState }: RecoveryPlan): string {
  const count = new Set([...confState.voters, ...confState.votersOutgoing]).size;
  if (count === 0) return "it is not known who voted";
  return `${lostVoters.length} of ${count} voters, ${lostVoters.join(", ")}`;
}

function undecided(certainIndex: number, lastIndex: number): string {
  const first = certainIndex + 1;
  if (first > lastIndex) return "nothing.";
  if (first === lastIndex) {
    return `entry ${first} is kept as well, though it may never have been acknowledged to anybody.`;
  }
  return (
    `entries ${first} to ${lastIndex} are kept as well, though they may never have been ` +
    "acknowledged to anybody."
  );
}

function whatIsLost({
  certainIndex,
  commitIndex,
  lastIndex,
  mayBeLost,
  from,
}: RecoveryPlan): string {
  if (!mayBeLost) {
    return "nothing that was acknowledged: those who are lost were no majority by themselves.";
  }
  const sentences = [];
  if (certainIndex < commitIndex) {
    sentences.push(
      `entries ${certainIndex + 1} to ${commitIndex} were committed, and are given up.`,
    );
  }
  if (from.log.damages.length > 0) {
    sentences.push("what stood after the damage; and what is kept may have been replaced there.");
  }
  sentences.push(
    `whatever was acknowledged after entry ${lastIndex} and is on no survivor. Nobody can tell whether ` +
      "there was anything, or how much.",
  );
  return sentences.join("\n           ");
}

/** What to do once the directory is there. */
export function renderNextSteps({ clusterId, id, address }: RecoveryPlan, into: string): string {
  const own = address === "" ? "HOST:PORT" : address;
  return [
    "Start it, and let others join it, each with an empty directory:",
    "",
    `  quorate serve --id ${id} --cluster ${id}=${own} --cluster-id ${clusterId} \\`,
    `    --data-dir ${into} --http HOST:PORT`,
    `  quorate serve --id ID --cluster ID=HOST:PORT --cluster-id ${clusterId} \\`,
    "    --data-dir EMPTY --http HOST:PORT --join URL-OF-THE-FIRST",
  ].join("\n");
}
