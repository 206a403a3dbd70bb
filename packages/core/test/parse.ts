import {
  type ConfChange,
  confStateOf,
  type Entry,
  type EntryId,
  leaveJoint,
  type MemberChange,
  type Message,
  newConfChange,
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

/** A change as `+n4 ~n5 -n2`, a voter, a learner and a removal, after how it is to be left, or `leave`. */
export function parseChange(args: readonly string[]): ConfChange {
  const [first = ""] = args;
  if (first === "leave") return leaveJoint;
  const isTransition = first === "auto" || first === "implicit" || first === "explicit";
  return isTransition
    ? newConfChange(args.slice(1).map(parseMember), first)
    : newConfChange(args.map(parseMember));
}

const memberChanges: Readonly<Record<string, MemberChange["kind"]>> = {
  "+": "add-voter",
  "~": "add-learner",
  "-": "remove",
};

function parseMember(text: string): MemberChange {
  const kind = memberChanges[text.slice(0, 1)];
  if (kind === undefined) throw new Error(`not a change: ${text}`);
  return { kind, id: parseNode(text.slice(1)) };
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
    ...(args.includes("transfer") ? { transfer: true } : {}),
    snapshot: { ...id("snapshot"), confState: confStateOf(list("voters").map(parseNode)) },
  };
  return fields as unknown as Message;
}
