import type { Entry } from "@quorate/core";
import {
  type CommandOfSession,
  type CommandOnce,
  decodeSessionCommand,
  encodeSessionResult,
  type SessionResult,
  type StateMachine,
} from "@quorate/runtime";
import { sameValue } from "./same-value.ts";

/** A session as the rules tell it, with nothing to make it small or fast. */
interface ModelSession {
  readonly ttlMs: number;
  usedAt: number;
  floor: number;
  readonly told: Map<number, { index: number; command: Uint8Array; result: Uint8Array }>;
}

/**
 * Sessions over `inner` as they are to be: so simple that they are right, and for so few that no limit on
 * their number is reached. It is given one command at a time.
 */
export class SessionModel<Query, Answer> implements StateMachine<Query, Answer> {
  readonly #inner: StateMachine<Query, Answer>;
  readonly #sessions = new Map<string, ModelSession>();
  #logTime = 0;

  constructor(inner: StateMachine<Query, Answer>) {
    this.#inner = inner;
  }

  async apply([entry]: readonly Entry[]): Promise<readonly Uint8Array[]> {
    if (entry === undefined) return [];
    const command = decodeSessionCommand(entry.data);
    if (command.kind === "plain") return this.#inner.apply([entry]);
    if ("stamp" in command) this.#logTime = Math.max(this.#logTime, command.stamp);
    switch (command.kind) {
      case "open":
        this.#open(`at ${entry.index}`, command.ttlMs);
        return [encodeSessionResult({ kind: "done" })];
      case "command":
      case "once":
        return [encodeSessionResult(await this.#once(entry, command))];
      default:
        throw new Error(`nobody proposes what is ${command.kind}`);
    }
  }

  query(query: Query): Answer | Promise<Answer> {
    return this.#inner.query(query);
  }

  #open(name: string, ttlMs: number): ModelSession {
    const session = { ttlMs, usedAt: this.#logTime, floor: 1, told: new Map() };
    this.#sessions.set(name, session);
    return session;
  }

  async #once(entry: Entry, command: CommandOfSession | CommandOnce): Promise<SessionResult> {
    const isOnce = command.kind === "once";
    const name = isOnce ? `key ${command.key.join(" ")}` : `at ${command.session}`;
    const { sequence, floor } = isOnce ? { sequence: 1, floor: 1 } : command;
    const known = this.#sessions.get(name);
    const isAlive = known !== undefined && this.#logTime - known.usedAt <= known.ttlMs;
    const session = isAlive ? known : isOnce ? this.#open(name, command.ttlMs) : undefined;
    if (session === undefined) return { kind: "expired" };
    session.usedAt = this.#logTime;
    session.floor = Math.max(session.floor, floor);
    if (sequence < session.floor) return { kind: "expired" };
    const told = session.told.get(sequence);
    if (told !== undefined) {
      const { index, result } = told;
      const isSame = sameValue(told.command, command.command);
      return isSame ? { kind: "replayed", index, result } : { kind: "reused" };
    }
    const [result = new Uint8Array(0)] = await this.#inner.apply([
      { ...entry, data: command.command.slice() },
    ]);
    session.told.set(sequence, { index: entry.index, command: command.command, result });
    return { kind: "applied", result };
  }
}
