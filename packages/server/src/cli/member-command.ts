import Table from "cli-table3";
import colors from "picocolors";
import type { ConfState, MemberWish } from "quorate";
import type { MembersAnswer, PlanAnswer, StepAnswer } from "../admin-answer.ts";
import { exitStatus } from "./exit-status.ts";
import { withClient, type ClientSettings } from "./key-value-commands.ts";

/** What every command that changes members is told. */
export interface ChangeSettings extends ClientSettings {
  readonly dryRun: boolean;
  readonly ifIndex?: number;
  readonly json: boolean;
}

/** Prints the members of the group. */
export async function memberListCommand(
  settings: ClientSettings & { readonly json: boolean },
): Promise<number> {
  const members = await withClient(settings, (client) => client.members());
  process.stdout.write(settings.json ? `${JSON.stringify(members)}\n` : renderMembers(members));
  return exitStatus.ok;
}

/** Makes the members as `wish` wants them and prints them; or, on a dry run, prints what would be done. */
export async function memberChangeCommand(
  wish: MemberWish,
  settings: ChangeSettings,
): Promise<number> {
  const { dryRun, ifIndex, json } = settings;
  if (dryRun) {
    const plan = await withClient(settings, (client) => client.planMembers(wish, { ifIndex }));
    process.stdout.write(json ? `${JSON.stringify(plan)}\n` : renderPlan(plan));
    return exitStatus.ok;
  }
  const members = await withClient(settings, (client) => client.changeMembers(wish, { ifIndex }));
  process.stdout.write(json ? `${JSON.stringify(members)}\n` : renderMembers(members));
  return exitStatus.ok;
}

/** The members as a table, and what follows from who votes. */
export function renderMembers({ index, confState, members, removed }: MembersAnswer): string {
  const table = new Table({
    head: ["node", "role", "address", "priority"],
    colAligns: ["right", "left", "left", "right"],
    style: { head: [], border: [], compact: true },
  });
  for (const { id, role, address, priority } of members) {
    table.push([id, role, address === "" ? "unknown" : address, priority]);
  }
  const lines = [table.toString(), `${sentenceOf(confState)} As of index ${index}.`];
  if (removed.length > 0) lines.push(`Removed, for good: ${removed.join(", ")}.`);
  return `${lines.join("\n")}\n`;
}

/** The steps of a plan, for a person. */
export function renderPlan({ index, steps, confState }: PlanAnswer): string {
  if (steps.length === 0) return `Nothing to do: ${describeConfState(confState)}.\n`;
  const lines = steps.flatMap((step, at) => renderStep(step, at + 1));
  return [
    ...lines,
    "",
    `Nothing was changed. --if-index ${index} does just this, or nothing if others were faster.`,
    "",
  ].join("\n");
}

function renderStep(step: StepAnswer, number: number): string[] {
  const { changes, catchUp, joint, confState, faultsToleratedJoint, faultsTolerated } = step;
  const verbs = { "add-voter": "voter", "add-learner": "learner", remove: "remove" } as const;
  const what =
    changes.length === 0
      ? "leave the joint configuration"
      : changes.map(({ kind, id }) => `${verbs[kind]} ${id}`).join(", ");
  const lines = [`${number}. ${what}`];
  if (catchUp.length > 0) lines.push(`   once ${catchUp.join(", ")} has caught up`);
  if (joint !== null) {
    lines.push(
      `   meanwhile: ${describeConfState(joint)}; ` +
        `tolerates ${failures(faultsToleratedJoint ?? 0)}`,
    );
  }
  lines.push(`   then: ${describeConfState(confState)}; tolerates ${failures(faultsTolerated)}`);
  for (const { message } of step.warnings) lines.push(colors.yellow(`   warning: ${message}`));
  return lines;
}

/** Who takes part, in one line. */
export function describeConfState(confState: ConfState): string {
  const { voters, votersOutgoing, learners } = confState;
  const parts = [`voters ${listOf(voters)}`];
  if (votersOutgoing.length > 0) parts.push(`and, of before, ${listOf(votersOutgoing)}`);
  if (learners.length > 0) parts.push(`learners ${listOf(learners)}`);
  return parts.join("; ");
}

function sentenceOf({ voters, votersOutgoing }: ConfState): string {
  const majorities = votersOutgoing.length > 0 ? [voters, votersOutgoing] : [voters];
  const tolerated = Math.min(...majorities.map(({ length }) => Math.floor((length - 1) / 2)));
  const joint = votersOutgoing.length > 0 ? " A change is under way." : "";
  return `Tolerates ${failures(Math.max(0, tolerated))} of voters.${joint}`;
}

function listOf(ids: readonly number[]): string {
  return ids.length === 0 ? "none" : ids.join(", ");
}

function failures(count: number): string {
  return count === 1 ? "1 failure" : `${count} failures`;
}
