import { createInterface } from "node:readline";
import { type Command, Option } from "commander";
import {
  type LogIndex,
  type NodeId,
  planRecovery,
  recoverReplica,
  type RecoverOptions,
  type SurvivorElsewhere,
  verifyDataDir,
} from "quorate";
import { useNativeCrc32c } from "../native-crc32c.ts";
import { parseNodeId, parsePeerAddress } from "./addresses.ts";
import { dataDirError } from "./data-dir-error.ts";
import { CommandError, exitStatus } from "./exit-status.ts";
import type { Done } from "./group-commands.ts";
import { recoverHelp } from "./help.ts";
import { dataDirJson } from "./log-text.ts";
import { checked, integer } from "./options.ts";
import { renderNextSteps, renderPlan, renderSurvivor, rule } from "./recovery-text.ts";

interface RecoverSettings {
  readonly dataDir: readonly string[];
  readonly into?: string;
  readonly other?: readonly SurvivorElsewhere[];
  readonly from?: string;
  readonly id?: NodeId;
  readonly address?: string;
  readonly clusterId?: string;
  readonly upTo?: LogIndex;
  readonly reason?: string;
  readonly force: boolean;
  readonly yes: boolean;
  readonly report: boolean;
  readonly json: boolean;
}

/** Adds the command that lets a group go on which lost its majority. */
export function addRecover(program: Command, done: Done): void {
  program
    .command("recover")
    .description("let a group that lost its majority for good go on, from a disk that is left")
    .requiredOption(
      "--data-dir <dir>",
      "what is left of a node; again for each further one",
      collect,
    )
    .option("--into <dir>", "the directory to make; it must be missing or empty")
    .addOption(
      new Option(
        "--other <id=term/index>",
        "a node that is left elsewhere, as --report told of it",
      ).argParser(checkedList(parseOther)),
    )
    .option("--from <dir>", "which one to go on from, if not the one that reaches furthest")
    .option(
      "--id <id>",
      "the node in the new group; by default as in the old one",
      checked(parseNodeId),
    )
    .option("--address <host:port>", "where others will reach it", checked(parsePeerAddress))
    .option("--cluster-id <name>", "names the new group; by default the old name and a suffix")
    .option("--up-to <index>", "keep nothing after this entry", integer(1, Number.MAX_SAFE_INTEGER))
    .option("--reason <text>", "why, for the record")
    .option("--force", "give up entries that can be had", false)
    .option("--yes", "do not ask", false)
    .option("--report", "say how far each is, and change nothing", false)
    .option("--json", "the report as JSON, a line for each", false)
    .addHelpText("after", recoverHelp)
    .action(async (settings: RecoverSettings) => {
      await useNativeCrc32c();
      try {
        done(await (settings.report ? report(settings) : recover(settings)));
      } catch (error) {
        throw dataDirError(error);
      }
    });
}

/** Says how far each survivor is. */
async function report({ dataDir, json }: RecoverSettings): Promise<number> {
  let isWhole = true;
  for (const path of dataDir) {
    const found = await verifyDataDir(path);
    if (found.log.identity === undefined && found.log.damages.length === 0) {
      throw new CommandError(`there is no log in ${path}`, exitStatus.notFound);
    }
    isWhole &&= found.log.damages.length === 0;
    print(json ? JSON.stringify(dataDirJson(found)) : renderSurvivor(found));
  }
  if (!json) print(rule);
  return isWhole ? exitStatus.ok : exitStatus.failed;
}

/** Shows what is to be done, asks, and does it. */
async function recover(settings: RecoverSettings): Promise<number> {
  const { into, other, upTo, yes, dataDir, from, id, address, clusterId, reason, force } = settings;
  if (into === undefined) throw new CommandError("give --into, or --report to only look");
  const options: RecoverOptions = {
    ...{ dataDirs: dataDir, into, others: other, upToIndex: upTo },
    ...{ from, id, address, clusterId, reason, force },
  };
  const plan = await planRecovery(options);
  print(renderPlan(plan, into));
  if (!yes) {
    const answer = await ask(`\nTo go on, type the name of the group, ${plan.oldClusterId}: `);
    if (answer !== plan.oldClusterId) {
      throw new CommandError("that is not its name; nothing was done", exitStatus.refused);
    }
  }
  // What was shown is what is done, under the name that was shown.
  const { index, term } = await recoverReplica({ ...options, clusterId: plan.clusterId });
  print(`\n${into} is there, up to ${term}/${index}.\n${renderNextSteps(plan, into)}`);
  return exitStatus.ok;
}

/** The line that is typed after `question`; empty if there is none. */
async function ask(question: string): Promise<string> {
  process.stdout.write(question);
  const lines = createInterface({ input: process.stdin });
  return new Promise((done) => {
    lines.once("line", (line) => {
      done(line.trim());
      lines.close();
    });
    lines.once("close", () => done(""));
  });
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function checkedList<T>(
  parse: (text: string) => T,
): (text: string, before: readonly T[] | undefined) => readonly T[] {
  const parseOne = checked(parse);
  return (text, before = []) => [...before, parseOne(text)];
}

function parseOther(text: string): SurvivorElsewhere {
  const [, id = "", term = "", index = ""] = /^(\d+)=(\d{1,15})\/(\d{1,15})$/.exec(text) ?? [];
  if (id !== "") {
    return { id: parseNodeId(id), last: { term: Number(term), index: Number(index) } };
  }
  throw new RangeError(`is "${text}", must be as 2=5/1234`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
