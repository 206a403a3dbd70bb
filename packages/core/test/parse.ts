import {
  type Entry,
  type EntryId,
  type Message,
  newEntry,
  type NodeId,
  none,
  type RaftOptions,
} from "../src/index.ts";

/** The notation of scenario files, the same as that of `describe`: `n1`, `2/7`, `key=value`. */

/** The node that `n1` names; `-` is none. */
export function parseNode(text: string | undefined): NodeId {
  if (text === "-") return none;
  const id = Number(/^n(\d+)$/.exec(text ?? "")?.[1]);
  if (!Number.isSafeInteger(id)) throw new Error(`not a node: ${text ?? "nothing"}`);
  return id;
}

/** The entry that `2/7` names. */
export function parseId(text: string): EntryId {
  const [term, index] = text.split("/");
  return { term: Number(term), index: Number(index) };
}

/** The entry written `2/7:x`, with the data `x`; `2/7` alone is a no-op. */
export function parseEntry(text: string): Entry {
  const [id = "", data] = text.split(":");
  return data === undefined
    ? newEntry(parseId(id), "no-op")
    : newEntry(parseId(id), "command", bytes(data));
}

/** The bytes of `"x"` or `x`, or as many as `bytes=10` says. */
export function parseData(text: string): Uint8Array {
  const size = /^bytes=(\d+)$/.exec(text)?.[1];
  return size === undefined ? bytes(text.replaceAll('"', "")) : new Uint8Array(Number(size));
}

/** ASCII text as bytes. */
export function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

/** What follows `key=` in `args`. */
export function field(args: readonly string[], key: string): string | undefined {
  return args.find((arg) => arg.startsWith(`${key}=`))?.slice(key.length + 1);
}

/** Options as `preVote=false inflightCountMax=2`. */
export function parseOptions(args: readonly string[]): RaftOptions {
  const pairs = args.map((arg) => {
    const [key = "", value = ""] = arg.split("=");
    return [key, value === "true" || value === "false" ? value === "true" : Number(value)] as const;
  });
  return Object.fromEntries(pairs);
}

/** A message as `describeMessage` prints it, but entries are `entries=1/1:x,1/2`. */
export function parseMessage(args: readonly string[]): Message {
  const [from, , to, kind] = args;
  const number = (key: string): number => Number(field(args, key) ?? 0);
  const list = (key: string): string[] => (field(args, key) ?? "").split(",").filter(Boolean);
  const id = (key: string): EntryId => parseId(field(args, key) ?? "0/0");
  // Whatever the kind, every field: those of other kinds are never read.
  const fields = {
    kind,
    from: parseNode(from),
    to: parseNode(to),
    term: number("term"),
    last: id("last"),
    granted: field(args, "granted") === "true",
    prev: id("prev"),
    entries: list("entries").map(parseEntry),
    commitIndex: number("commit"),
    matchIndex: number("match"),
    prevIndex: number("prev"),
    hint: id("hint"),
    readRound: number("round"),
    commands: list("commands").map(parseData),
    readId: number("read"),
    index: number("index"),
  };
  return fields as unknown as Message;
}
