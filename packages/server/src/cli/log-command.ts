import type { Command } from "commander";
import {
  type Entry,
  type FoundBatch,
  inspectDataDir,
  type InspectedDataDir,
  type LogIndex,
  type LogWatcher,
  type SegmentHeader,
  verifyDataDir,
} from "quorate";
import { useNativeCrc32c } from "../native-crc32c.ts";
import { dataDirError } from "./data-dir-error.ts";
import { CommandError, exitStatus } from "./exit-status.ts";
import type { Done } from "./group-commands.ts";
import { logHelp } from "./help.ts";
import {
  batchJson,
  dataDirJson,
  entryJson,
  renderBatch,
  renderDataDir,
  renderEntry,
  renderSegment,
  verdictRows,
} from "./log-text.ts";
import { checked } from "./options.ts";
import { Output } from "./output.ts";

/** Which entries are shown. */
interface EntryRange {
  readonly first: LogIndex;
  readonly last: LogIndex;
}

interface InspectSettings {
  readonly entries?: EntryRange;
  readonly json: boolean;
}

/** Adds the commands that read the log of a node. */
export function addLogCommands(program: Command, done: Done): void {
  const log = program
    .command("log")
    .description("look at the log in a data directory, of a node that runs or not; changes nothing")
    .addHelpText("after", logHelp);
  log
    .command("inspect")
    .description("say whose log it is, what it holds, and in what state it is")
    .argument("<dir>", "the data directory of a node")
    .option(
      "--entries <from-to>",
      "show these entries, and only batches with them",
      checked(parseRange),
    )
    .option(
      "--json",
      "a line of JSON for each segment, batch and entry, and one for the rest",
      false,
    )
    .action(async (path: string, settings: InspectSettings) =>
      done(await logInspectCommand(path, settings)),
    );
  log
    .command("verify")
    .description("read all of it, snapshots too, and say whether a start would take it")
    .argument("<dir>", "the data directory of a node")
    .option("--json", "as JSON", false)
    .action(async (path: string, settings: { readonly json: boolean }) =>
      done(await logVerifyCommand(path, settings)),
    );
}

/** Shows the log in the directory `path` while it is read. */
async function logInspectCommand(path: string, settings: InspectSettings): Promise<number> {
  await useNativeCrc32c();
  const output = new Output();
  const form = settings.json ? jsonLines : lines;
  try {
    const watcher = new LogPrinter(output, form, settings.entries);
    const found = await inspectDataDir(path, { watcher });
    checkLog(found);
    await output.line(form.end(found));
    return statusOf(found);
  } catch (error) {
    if (error instanceof ReaderGone) return exitStatus.ok;
    throw dataDirError(error);
  } finally {
    await output.flush();
  }
}

/** Says whether the log in the directory `path`, and its snapshots, are whole. */
async function logVerifyCommand(
  path: string,
  { json }: { readonly json: boolean },
): Promise<number> {
  await useNativeCrc32c();
  try {
    const found = await verifyDataDir(path);
    checkLog(found);
    const output = new Output();
    await output.line(json ? JSON.stringify(dataDirJson(found)) : renderVerdict(found));
    await output.flush();
    return statusOf(found);
  } catch (error) {
    throw dataDirError(error);
  }
}

function statusOf({ log }: InspectedDataDir): number {
  return log.damages.length === 0 ? exitStatus.ok : exitStatus.failed;
}

function checkLog({ path, log }: InspectedDataDir): void {
  const { segments, snapshots, damages } = log;
  if (segments.length > 0 || snapshots.length > 0 || damages.length > 0) return;
  throw new CommandError(`there is no log in ${path}`, exitStatus.notFound);
}

function renderVerdict(found: InspectedDataDir): string {
  const { path, log } = found;
  const { segments, snapshots, last, hardState } = log;
  const what =
    `${path}: last entry ${last.term}/${last.index}, commit ${hardState.commitIndex}; ` +
    `segments ${segments.length}, snapshots ${snapshots.length}`;
  const rows = verdictRows(found).map(([name, text]) => `${name.padEnd(8)} ${text}`);
  return [what, ...rows].join("\n");
}

/** Whoever read the output has gone: there is no use in going on. */
class ReaderGone extends Error {
  override readonly name = "ReaderGone";
}

/** How what is read is printed. */
interface Form {
  segment(header: SegmentHeader, bytes: number): string;
  batch(found: FoundBatch): string;
  entry(entry: Entry): string;
  end(found: InspectedDataDir): string;
}

const lines: Form = {
  segment: ({ sequence }, bytes) =>
    renderSegment(`${sequence.toString(16).padStart(16, "0")}.wal`, bytes),
  batch: renderBatch,
  entry: renderEntry,
  end: (found) => `\n${renderDataDir(found)}`,
};

const jsonLines: Form = {
  segment: ({ sequence }, bytes) => JSON.stringify({ kind: "segment", sequence, bytes }),
  batch: (found) => JSON.stringify(batchJson(found)),
  entry: (entry) => JSON.stringify(entryJson(entry)),
  end: (found) => JSON.stringify({ kind: "log", ...dataDirJson(found) }),
};

/** Prints a log while it is read. */
class LogPrinter implements LogWatcher {
  readonly #output: Output;
  readonly #form: Form;
  readonly #range: EntryRange | undefined;

  constructor(output: Output, form: Form, range: EntryRange | undefined) {
    this.#output = output;
    this.#form = form;
    this.#range = range;
  }

  async onSegment(header: SegmentHeader, bytes: number): Promise<void> {
    await this.#print(this.#form.segment(header, bytes));
  }

  async onBatch(found: FoundBatch): Promise<void> {
    const range = this.#range;
    if (range === undefined) {
      await this.#print(this.#form.batch(found));
      return;
    }
    const { first, last } = range;
    const entries = found.batch.entries.filter(({ index }) => first <= index && index <= last);
    if (entries.length > 0) await this.#print(this.#form.batch(found));
    for (const entry of entries) await this.#print(this.#form.entry(entry));
  }

  async #print(text: string): Promise<void> {
    await this.#output.line(text);
    if (!this.#output.isOpen) throw new ReaderGone();
  }
}

function parseRange(text: string): EntryRange {
  const [, from = "", to = from] = /^(\d{1,16})(?:-(\d{1,16}))?$/.exec(text) ?? [];
  const range = { first: Number(from), last: Number(to) };
  if (from !== "" && range.first >= 1 && range.first <= range.last) return range;
  throw new RangeError("must be two indexes from 1, as 100-200");
}
