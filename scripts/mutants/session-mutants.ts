import type { Mutant } from "./mutant.ts";

const table = "packages/runtime/src/session-table.ts";
const exactlyOnce = "packages/runtime/src/exactly-once.ts";
const whole = { level: "whole", explored: false } as const;

/** Bugs in what is remembered of commands that may be repeated. */
export const sessionMutants: readonly Mutant[] = [
  {
    id: "S10-sessions-not-saved",
    rows: ["S10"],
    property: "LIN",
    ...whole,
    patches: [
      {
        file: exactlyOnce,
        find: "        return chained(sessions, inner.save());\n",
        replace: "        return sessions === undefined ? [] : inner.save();\n",
      },
    ],
    why: "Snapshots lack the sessions: whoever restores one applies a repeated command again.",
  },
  {
    id: "S10-log-time-not-restored",
    rows: ["S10"],
    property: "LIN",
    ...whole,
    patches: [
      {
        file: table,
        find: "    this.#logTime = logTime;\n",
        replace: "    this.#logTime = Math.min(logTime, 0);\n",
      },
    ],
    why: "Log time begins anew after a restore: there, sessions live on that expired elsewhere.",
  },
  {
    id: "S10-view-changes-while-read",
    rows: ["S10"],
    property: "LIN",
    ...whole,
    patches: [
      {
        file: table,
        find: "    const isOwn = found.viewCount === this.#viewCount;\n",
        replace: "    const isOwn = found.viewCount >= 0;\n",
      },
    ],
    why: "A snapshot gets results of commands that came after it: those are never applied there.",
  },
  {
    id: "S10-order-of-use-not-saved",
    rows: ["S10"],
    property: "LIN",
    level: "unit",
    tests: ["packages/runtime/src/session-table.test.ts"],
    patches: [
      {
        file: table,
        find: "sessions: [...this.#sessions.values()] };",
        replace: "sessions: [...this.#sessions.values()].reverse() };",
      },
    ],
    why: "After a restore another session counts as the one that was not used for longest, and is forgotten.",
  },
  {
    id: "L12-repeated-command-applied",
    rows: ["L12"],
    property: "LIN",
    ...whole,
    patches: [
      {
        file: table,
        find: '    if (kept === undefined) return { kind: "apply" };\n',
        replace: '    if (kept === undefined || kept.index > 0) return { kind: "apply" };\n',
      },
    ],
    why: "A command is applied as often as it is in the log.",
  },
  {
    id: "L12-floor-ignored",
    rows: ["L12"],
    property: "LIN",
    ...whole,
    patches: [
      {
        file: table,
        find: "    if (sequence < session.floor) return expired;\n",
        replace: "",
      },
    ],
    why: "A command whose result was let go of is applied again when it arrives late.",
  },
  {
    id: "L12-session-of-nobody",
    rows: ["L12"],
    property: "LIN",
    ...whole,
    patches: [
      {
        file: table,
        find: 'return command.kind === "once" ? this.#add(name, command.ttlMs) : undefined;',
        replace: 'return this.#add(name, command.kind === "once" ? command.ttlMs : 1000);',
      },
    ],
    why: "A command of a session that was forgotten opens it again, and is applied again.",
  },
  {
    id: "L12-time-goes-back",
    rows: ["L12"],
    property: "LIN",
    ...whole,
    patches: [
      {
        file: table,
        find: "    if (stamp > this.#logTime) this.#logTime = stamp;\n",
        replace: "    this.#logTime = stamp;\n",
      },
    ],
    why: "The clock of whoever proposed last decides what has expired, and not the greatest one so far.",
  },
  {
    id: "L12-expired-session-repeated",
    rows: ["L12"],
    property: "LIN",
    level: "unit",
    tests: ["packages/runtime/test/session.test.ts"],
    patches: [
      {
        file: "packages/runtime/src/session.ts",
        find: "      if (unknown !== undefined) {\n",
        replace: "      if (unknown !== undefined && unknown.leader > 1000) {\n",
      },
    ],
    why: "A command that may have been applied is proposed again in a new session, and applied again.",
  },
  {
    id: "L12-floor-above-pending",
    rows: ["L12"],
    property: "LIN",
    level: "unit",
    tests: ["packages/runtime/src/sequence-window.test.ts"],
    patches: [
      {
        file: "packages/runtime/src/sequence-window.ts",
        find: "    return first ?? this.#next;\n",
        replace: "    return first === undefined ? this.#next : this.#next - 1;\n",
      },
    ],
    why: "A session lets go of results that it still waits for.",
  },
];
