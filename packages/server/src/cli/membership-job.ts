import { setTimeout as delay } from "node:timers/promises";
import { RaftError, type MemberWish, type NodeId } from "quorate";
import type { Logger } from "pino";
import { ApiError, withoutCode } from "../api-error.ts";
import { Client } from "../client.ts";
import type { ClientCredentials } from "../client-connections.ts";
import type { KvReplica } from "../kv-calls.ts";

/** What a node wants to be in its group. */
export interface MembershipWish {
  readonly id: NodeId;
  /** Where the others reach it. */
  readonly address: string;
  /** Whom to ask to add this node, if it is no member; nobody if there are none. */
  readonly endpoints: readonly string[];
  /** What to show them. */
  readonly credentials?: ClientCredentials;
  readonly as: "voter" | "learner";
  /** What the group shall know as its priority; undefined: whatever it knows. */
  readonly priority: number | undefined;
}

/** How long one attempt may take, in milliseconds: a new node has to catch up in it. */
const attemptMs = 120_000;
/** How long to wait before the next attempt, in milliseconds. */
const retryMs = 1_000;

/** What no repetition mends. */
const final: ReadonlySet<string> = new Set([
  "invalid_change",
  "invalid_argument",
  "removed",
  "unknown_path",
  "unauthenticated",
  "forbidden",
]);

/**
 * Makes a node what it wants to be, while it runs, and tries until it is or `signal` is aborted. A
 * member of whatever kind is not added again: somebody may have demoted it on purpose. Resolves with why
 * it cannot be, or undefined.
 */
export async function seekMembership(
  replica: KvReplica,
  wish: MembershipWish,
  log: Logger,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { id, address, endpoints, credentials, as, priority } = wish;
  if (endpoints.length > 0 && !isMember(replica, id)) {
    log.info({ endpoints }, "asking to be added");
    const client = new Client({ ...credentials, endpoints, timeoutMs: attemptMs });
    try {
      const add: MemberWish = { kind: "add", id, address, as, priority };
      const flaw = await persist(() => client.changeMembers(add, { signal }), log, signal);
      if (flaw !== undefined) return `it cannot be added: ${flaw}`;
    } finally {
      client.close();
    }
  }
  if (priority === undefined) return undefined;
  await untilMember(replica, id, signal);
  if (signal.aborted || priorityOf(replica, id) === priority) return undefined;
  const flaw = await persist(
    () => replica.members.update({ id, priority }, { signal, timeoutMs: attemptMs }),
    log,
    signal,
  );
  return flaw === undefined ? undefined : `its priority cannot be ${priority}: ${flaw}`;
}

function isMember(replica: KvReplica, id: NodeId): boolean {
  return replica.members.list().members.some((member) => member.id === id);
}

function priorityOf(replica: KvReplica, id: NodeId): number | undefined {
  return replica.members.list().members.find((member) => member.id === id)?.priority;
}

/** Tries `change` until it is made. Resolves with why it cannot be, or undefined: made, or given up. */
async function persist(
  change: () => Promise<unknown>,
  log: Logger,
  signal: AbortSignal,
): Promise<string | undefined> {
  while (!signal.aborted) {
    try {
      await change();
      return undefined;
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof RaftError)) throw error;
      const reason = error instanceof RaftError ? withoutCode(error) : error.message;
      if (final.has(error.code)) return reason;
      if (!signal.aborted) log.warn({ code: error.code, reason }, "no success yet");
    }
    // An abort ends the wait, and with it the loop.
    await delay(retryMs, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}

/** Waits until `id` is a member, as far as this replica knows, or `signal` is aborted. */
async function untilMember(replica: KvReplica, id: NodeId, signal: AbortSignal): Promise<void> {
  if (isMember(replica, id) || signal.aborted) return;
  await new Promise<void>((resolve) => {
    const unsubscribe = replica.subscribe((event) => {
      if (event.kind === "members-changed" && isMember(replica, id)) finish();
    });
    const finish = (): void => {
      unsubscribe();
      signal.removeEventListener("abort", finish);
      resolve();
    };
    signal.addEventListener("abort", finish);
  });
}
