import {
  type Batch,
  decodeSessionCommand,
  describeEntry,
  type Entry,
  type FoundBatch,
  type InspectedDataDir,
  type LineageStep,
  none,
} from "quorate";
import { decodeCommand, type DecodedCommand } from "../command.ts";
import { describeConfState } from "./member-command.ts";

/** What a log is, as lines for people and as JSON. */

/** How much of a value is shown, in bytes. */
const valueBytesShown = 40;

const widths = [11, 11, 7, 19, 12, 6, 6, 0] as const;

/** The heading of the batches of a segment. */
export function renderSegment(name: string, bytes: number): string {
  const names = ["offset", "bytes", "batch", "entries", "after", "term", "vote", "commit"];
  return `${name}, ${bytes} bytes\n${row(names)}`;
}

/** One batch, as a row below `renderSegment`. */
export function renderBatch({ batch, offset, bytes }: FoundBatch): string {
  const { number, prev, hardState, isReset } = batch;
  const { term, vote, commitIndex } = hardState;
  const numbers = [offset, bytes, number, rangeOf(batch), `${prev.term}/${prev.index}`];
  const state = [term, vote === none ? "none" : vote, commitIndex];
  return `${row([...numbers, ...state])}${isReset ? "  the log begins anew" : ""}`;
}

function row(cells: readonly (string | number)[]): string {
  return `  ${cells.map((cell, at) => String(cell).padEnd(widths[at] ?? 0)).join(" ")}`;
}

function rangeOf({ entries }: Batch): string {
  const [first] = entries;
  if (first === undefined) return "none";
  return `${first.index}-${first.index + entries.length - 1} (${entries.length})`;
}

/** One entry: its id, its kind, how long its data is, and what the key-value store reads in it. */
export function renderEntry(entry: Entry): string {
  if (entry.kind !== "command") return `    ${describeEntry(entry)}`;
  const { term, index, data } = entry;
  return `    ${term}/${index} command, ${data.length} bytes: ${describeCommand(data)}`;
}

function describeCommand(data: Uint8Array): string {
  const outer = decodeSessionCommand(data);
  switch (outer.kind) {
    case "plain":
      return describeStoreCommand(outer.command);
    case "open":
      return `open a session, kept for ${outer.ttlMs} ms`;
    case "close":
      return `close session ${outer.session}`;
    case "command": {
      const { session, sequence, command } = outer;
      return `session ${session}, number ${sequence}: ${describeStoreCommand(command)}`;
    }
    case "once":
      return `once ${quoted(outer.key)}: ${describeStoreCommand(outer.command)}`;
    case "malformed":
    case "unsupported":
      return describeUnreadable(outer);
  }
}

function describeStoreCommand(data: Uint8Array): string {
  const command = decodeCommand(data);
  switch (command.kind) {
    case "put": {
      const { key, value } = command;
      const rest =
        value.length > valueBytesShown ? ` and ${value.length - valueBytesShown} bytes` : "";
      return `put ${quoted(key)} = ${quoted(value.subarray(0, valueBytesShown))}${rest}`;
    }
    case "delete":
      return `delete ${quoted(command.key)}`;
    case "malformed":
    case "unsupported":
      return describeUnreadable(command);
  }
}

function describeUnreadable(
  found: Extract<DecodedCommand, { readonly kind: "malformed" | "unsupported" }>,
): string {
  if (found.kind === "malformed") return `no command of the key-value store: ${found.reason}`;
  return `a command of version ${found.version}, which this program does not know`;
}

/** Text if the bytes are such, else hexadecimal. */
function quoted(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString();
  // What is no text comes back as something else.
  if (Buffer.from(text).equals(bytes)) return JSON.stringify(text);
  return `0x${Buffer.from(bytes).toString("hex")}`;
}

/** What `log inspect` says in the end: whose log it is, and in what state. */
export function renderDataDir(found: InspectedDataDir): string {
  const { path, log, lineage, confState, members, removed, changeCountAfter } = found;
  const { identity, incarnation, base, last, hardState } = log;
  const { term, vote, commitIndex } = hardState;
  const changes = changeCountAfter === 0 ? "" : `; ${changeCountAfter} changes after that`;
  const rows: (readonly [string, string])[] = [
    ["directory", path],
    ["in use", inUse(found)],
    ["group", identity?.clusterId ?? "unknown"],
    ...lineage.map((step) => ["", renderStep(step)] as const),
    ["node", `${identity?.nodeId ?? "unknown"}, incarnation ${hex(incarnation)}`],
    ["log", `after ${base.term}/${base.index}, to ${last.term}/${last.index}`],
    ["state", `term ${term}, vote ${vote === none ? "none" : vote}, commit ${commitIndex}`],
    ["members", `${describeConfState(confState)}, as of ${commitIndex}${changes}`],
    ...members.map(({ id, address }) => ["", `${id}: ${address || "address unknown"}`] as const),
    ["removed", removed.length === 0 ? "none" : removed.join(", ")],
    ...log.snapshots.map((snapshot) => ["snapshot", renderSnapshot(snapshot)] as const),
    ...verdictRows(found),
  ];
  return rows.map(([name, text]) => `${name.padEnd(10)} ${text}`).join("\n");
}

function renderSnapshot({
  name,
  stored,
  isNewest,
}: InspectedDataDir["log"]["snapshots"][number]): string {
  const { snapshot, contentBytes, external } = stored;
  const content = external ? "kept by the state machine" : `${contentBytes} bytes of state`;
  return `${name}: ${snapshot.term}/${snapshot.index}, ${content}${isNewest ? "" : ", superseded"}`;
}

function renderStep({ fromClusterId, fromId, term, index, reason, at }: LineageStep): string {
  const why = reason === "" ? "" : `: ${reason}`;
  return `goes on from node ${fromId} of ${fromClusterId}, at ${term}/${index}, since ${at}${why}`;
}

/** What is right and what is wrong with a log, as rows of a name and a text. */
export function verdictRows({ holder, log }: InspectedDataDir): (readonly [string, string])[] {
  const { torn, damages, isReset } = log;
  const who = holder === undefined ? "cut short by a crash" : "being written now, or cut short";
  const rows: (readonly [string, string])[] = torn.map(({ name, offset }) => {
    return ["torn", `${name}, byte ${offset}: ${who}; a start cuts it off`];
  });
  if (isReset && damages.length === 0) {
    rows.push(["reset", "a crash cut the receipt of a snapshot short; a start completes it"]);
  }
  if (damages.length === 0) return [...rows, ["verdict", "a start takes it"]];
  return [...rows, ...damages.map(({ message }) => ["damaged", message] as const)];
}

/** Who has the directory, in words. */
export function inUse({ holder }: InspectedDataDir): string {
  if (holder === undefined) return "no";
  return holder.pid === undefined ? "by a process" : `by process ${holder.pid}`;
}

/** The same as `renderDataDir`, as a value for JSON. */
export function dataDirJson(found: InspectedDataDir): object {
  const { log, ...rest } = found;
  const { entries: _none, incarnation, damages, snapshots, ...plain } = log;
  return {
    ...rest,
    ...plain,
    incarnation: hex(incarnation),
    snapshots: snapshots.map(({ name, bytes, stored, isNewest }) => {
      const { snapshot, contentBytes, checksum, external } = stored;
      return { name, bytes, ...snapshot, contentBytes, checksum, external, isNewest };
    }),
    damages: damages.map(({ code, message }) => ({ code, message })),
  };
}

/** A batch without its entries, as a value for JSON. */
export function batchJson({ batch, offset, bytes }: FoundBatch): object {
  const { number, prev, hardState, isReset, entries } = batch;
  const entryCount = entries.length;
  return { kind: "batch", offset, bytes, number, prev, entryCount, isReset, hardState };
}

/** An entry, as a value for JSON. Keys and values are in base64. */
export function entryJson({ term, index, kind, data }: Entry): object {
  const entry = { kind: "entry", term, index, entryKind: kind, bytes: data.length };
  if (kind !== "command") return entry;
  const outer = decodeSessionCommand(data);
  if (!("command" in outer)) return { ...entry, session: outer };
  const command = storeCommandJson(outer.command);
  if (outer.kind === "plain") return { ...entry, command };
  const { command: _inner, ...session } = outer;
  if (session.kind === "command") return { ...entry, session, command };
  return { ...entry, session: { ...session, key: base64(session.key) }, command };
}

function storeCommandJson(data: Uint8Array): object {
  const command = decodeCommand(data);
  switch (command.kind) {
    case "put":
      return { kind: "put", key: base64(command.key), value: base64(command.value) };
    case "delete":
      return { kind: "delete", key: base64(command.key) };
    case "malformed":
    case "unsupported":
      return command;
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString("hex") || "unknown";
}
