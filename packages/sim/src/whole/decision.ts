import { assert, isSafe, type NodeId } from "@quorate/core";
import type { FrameFate, Link } from "./frame-network.ts";
import type { Operation } from "./operators.ts";
import { type Rot, rotParts } from "./rot.ts";
import { type Microseconds, usPerMs } from "./timeline.ts";
import { wishIn } from "./wish-text.ts";

/** How a process ends: alone, with the kernel and its caches left as they were, or with the power. */
export type CrashKind = "kill" | "power";

/** What an armed disk does to its next write, sync or the like. */
export type TrapKind =
  /** It fails, as after an input/output error. */
  | "fail"
  /** The process ends before it takes effect, or after that and before it is reported. */
  | "kill-before"
  | "kill-after"
  | "power-before"
  | "power-after";

/** The calls that a trap can wait for. */
export type TrappedCall = "any" | "write" | "sync" | "create" | "rename" | "sync-directory";

/**
 * Something that happens in a world at a moment, with every choice in it made. `forMs` is how long it
 * lasts before it is undone, `downMs` how long a node stays down.
 */
export type Happening =
  /** Of what was not synced, `survivePerMille` is left when the power fails. */
  | {
      readonly kind: "crash";
      readonly node: NodeId;
      readonly how: CrashKind;
      readonly survivePerMille: number;
      readonly downMs: number;
    }
  /** The node stops as it is asked to, and starts again. */
  | { readonly kind: "close"; readonly node: NodeId; readonly downMs: number }
  | { readonly kind: "pause"; readonly node: NodeId; readonly forMs: number }
  /** The machine is suspended: its monotonic clock stands still, too, and the time of day goes on. */
  | { readonly kind: "suspend"; readonly node: NodeId; readonly forMs: number }
  /** Somebody sets the time of day by an hour, back or ahead. */
  | { readonly kind: "set-wall"; readonly node: NodeId; readonly ahead: number }
  /** A node that is no founder starts, to join the group, unless it runs. */
  | { readonly kind: "join"; readonly node: NodeId }
  /** The state of the node becomes another, by no command: see `App.stray`. */
  | { readonly kind: "stray"; readonly node: NodeId }
  | Operation
  | {
      readonly kind: "clock-rate";
      readonly node: NodeId;
      readonly perMille: number;
      readonly forMs: number;
    }
  | { readonly kind: "clock-jump"; readonly node: NodeId; readonly byMs: number }
  | {
      readonly kind: "slow-disk";
      readonly node: NodeId;
      readonly factor: number;
      readonly forMs: number;
    }
  /** Nothing is reported by the disk before the time is over. */
  | { readonly kind: "stuck-disk"; readonly node: NodeId; readonly forMs: number }
  /** There is no room but for `roomBytes`; later it comes back, `stepBytes` at a time; 0: all at once. */
  | {
      readonly kind: "full-disk";
      readonly node: NodeId;
      readonly forMs: number;
      readonly roomBytes: number;
      readonly stepBytes: number;
    }
  /** The `skip + 1`-th such call from now on meets `trap`. */
  | {
      readonly kind: "trap";
      readonly node: NodeId;
      readonly call: TrappedCall;
      readonly skip: number;
      readonly trap: TrapKind;
      readonly downMs: number;
    }
  /** Something of what is durable goes bad. If the node runs, the power fails first. */
  | ({ readonly kind: "rot"; readonly node: NodeId; readonly downMs: number } & Rot)
  /** The node comes back with an empty disk. */
  | { readonly kind: "wipe"; readonly node: NodeId; readonly downMs: number }
  | { readonly kind: "cut"; readonly links: readonly Link[]; readonly forMs: number }
  | { readonly kind: "clog"; readonly links: readonly Link[]; readonly forMs: number }
  | { readonly kind: "reset"; readonly links: readonly Link[] }
  /** Client `client` makes the call of this `number` to a node; the number decides what it asks. */
  | {
      readonly kind: "call";
      readonly client: number;
      readonly node: NodeId;
      readonly number: number;
      /** 0: as long as calls take by default. */
      readonly timeoutMs: number;
      /** When the client loses its patience; 0: never. */
      readonly abortMs: number;
    };

/** One choice that makes a run other than calm. */
export type Decision =
  | { readonly kind: "at"; readonly at: Microseconds; readonly what: Happening }
  /** What befalls the `number`-th frame of a link. */
  | {
      readonly kind: "frame";
      readonly link: Link;
      readonly number: number;
      readonly fate: FrameFate;
    };

/** One decision as one line. `parseDecision` reads it back. */
export function formatDecision(decision: Decision): string {
  if (decision.kind === "frame") {
    const { link, number, fate } = decision;
    const late = fate.kind === "lost" ? "" : ` late=${fate.late}us`;
    return `frame ${formatLink(link)} number=${number} ${fate.kind}${late}`;
  }
  const { kind, ...fields } = decision.what;
  const words = Object.entries<unknown>(fields)
    .filter(([name, value]) => name !== "links" && !(untoldIfNone.has(name) && value === 0))
    .map(([name, value]) => ` ${name}=${String(value)}`);
  const links = "links" in fields ? ` links=${fields.links.map(formatLink).join(",")}` : "";
  return `@${decision.at / usPerMs}ms ${kind}${links}${words.join("")}`;
}

/** Fields that are left out where they are 0. */
const untoldIfNone: ReadonlySet<string> = new Set(["abortMs", "roomBytes", "stepBytes"]);

/** The decision in a line; throws `SyntaxError`, saying what is wrong with it. */
export function parseDecision(line: string): Decision {
  const [head = "", ...rest] = line.split(" ");
  if (head === "frame") return parseFrame(line, rest);
  const at = /^@(\d+(?:\.\d+)?)ms$/.exec(head)?.[1];
  if (at === undefined) throw new SyntaxError(`this is no decision: "${line}"`);
  const [kind = "", ...words] = rest;
  const fields = new Fields(line, words);
  return { kind: "at", at: Math.round(Number(at) * usPerMs), what: parseHappening(kind, fields) };
}

function parseFrame(
  line: string,
  [link = "", number = "", kind, late]: readonly string[],
): Decision {
  const fields = new Fields(line, [`link=${link}`, number, ...(late === undefined ? [] : [late])]);
  const [where] = fields.links("link");
  assert(where !== undefined, "a list of links has one at least");
  const frame = { kind: "frame", link: where, number: fields.number("number") } as const;
  if (kind === "lost") return { ...frame, fate: { kind } };
  if (kind === "late" || kind === "twice") {
    return { ...frame, fate: { kind, late: fields.number("late", "us") } };
  }
  throw fields.error(`"${kind ?? ""}" befalls no frame`);
}

function parseHappening(kind: string, fields: Fields): Happening {
  const node = (): NodeId => fields.number("node");
  const forMs = (): number => fields.number("forMs");
  const downMs = (): number => fields.number("downMs");
  switch (kind) {
    case "crash": {
      const how = fields.word("how", crashKinds);
      const survivePerMille = fields.number("survivePerMille");
      return { kind, node: node(), how, survivePerMille, downMs: downMs() };
    }
    case "close":
    case "wipe":
      return { kind, node: node(), downMs: downMs() };
    case "pause":
    case "suspend":
    case "stuck-disk":
      return { kind, node: node(), forMs: forMs() };
    case "full-disk": {
      const roomBytes = fields.number("roomBytes", "", 0);
      const stepBytes = fields.number("stepBytes", "", 0);
      return { kind, node: node(), forMs: forMs(), roomBytes, stepBytes };
    }
    case "set-wall":
      return { kind, node: node(), ahead: fields.number("ahead") };
    case "join":
    case "stray":
      return { kind, node: node() };
    case "change":
    case "transfer":
    case "snapshot":
      return operationIn(kind, fields);
    case "clock-rate":
      return { kind, node: node(), perMille: fields.number("perMille"), forMs: forMs() };
    case "clock-jump":
      return { kind, node: node(), byMs: fields.number("byMs") };
    case "slow-disk":
      return { kind, node: node(), factor: fields.number("factor"), forMs: forMs() };
    case "trap": {
      const call = fields.word("call", trappedCalls);
      const trap = fields.word("trap", trapKinds);
      return { kind, node: node(), call, skip: fields.number("skip"), trap, downMs: downMs() };
    }
    case "rot": {
      const part = fields.word("part", rotParts);
      const [perMillion, bit] = [fields.number("perMillion"), fields.number("bit")];
      const bytes = fields.number("bytes");
      return { kind, node: node(), part, perMillion, bit, bytes, downMs: downMs() };
    }
    case "cut":
    case "clog":
      return { kind, links: fields.links("links"), forMs: forMs() };
    case "reset":
      return { kind, links: fields.links("links") };
    case "call": {
      const timeoutMs = fields.number("timeoutMs");
      const number = fields.number("number");
      const abortMs = fields.number("abortMs", "", 0);
      return { kind, client: fields.number("client"), node: node(), number, timeoutMs, abortMs };
    }
    default:
      throw fields.error(`nothing is called "${kind}"`);
  }
}

function operationIn(kind: Operation["kind"], fields: Fields): Operation {
  const [node, timeoutMs] = [fields.number("node"), fields.number("timeoutMs")];
  switch (kind) {
    case "change": {
      const wish = fields.text("wish");
      wishIn(wish);
      return { kind, node, wish, ifNow: fields.number("ifNow"), timeoutMs };
    }
    case "transfer":
      return { kind, node, to: fields.number("to"), timeoutMs };
    case "snapshot":
      return { kind, node, timeoutMs };
  }
}

const crashKinds: readonly CrashKind[] = ["kill", "power"];

const trapKinds: readonly TrapKind[] = [
  "fail",
  "kill-before",
  "kill-after",
  "power-before",
  "power-after",
];

/** Every call that a trap can wait for. The order never changes: seeds draw from it. */
export const trappedCalls: readonly TrappedCall[] = [
  "any",
  "write",
  "sync",
  "create",
  "rename",
  "sync-directory",
];

/** The `name=value` words of one line. */
class Fields {
  readonly #line: string;
  readonly #values = new Map<string, string>();

  constructor(line: string, words: readonly string[]) {
    this.#line = line;
    for (const word of words) {
      const cut = word.indexOf("=");
      if (cut < 1) throw this.error(`"${word}" is not of the form name=value`);
      this.#values.set(word.slice(0, cut), word.slice(cut + 1));
    }
  }

  number(name: string, unit = "", missing?: number): number {
    if (missing !== undefined && !this.#values.has(name)) return missing;
    const text = this.text(name);
    const value = Number(text.slice(0, text.length - unit.length));
    if (!text.endsWith(unit) || !isSafe(value)) throw this.error(`${name} is no whole number`);
    return value;
  }

  word<T extends string>(name: string, words: readonly T[]): T {
    const text = this.text(name);
    const word = words.find((each) => each === text);
    if (word === undefined) throw this.error(`${name} is none of ${words.join(", ")}`);
    return word;
  }

  links(name: string): readonly Link[] {
    return this.text(name)
      .split(",")
      .map((text) => {
        const [, from, to] = /^n(\d+)>n(\d+)$/.exec(text) ?? [];
        if (from === undefined || to === undefined) throw this.error(`"${text}" is no link`);
        return { from: Number(from), to: Number(to) };
      });
  }

  error(what: string): SyntaxError {
    return new SyntaxError(`${what}: "${this.#line}"`);
  }

  text(name: string): string {
    const text = this.#values.get(name);
    if (text === undefined) throw this.error(`${name} is missing`);
    return text;
  }
}

function formatLink({ from, to }: Link): string {
  return `n${from}>n${to}`;
}
