import type { LogIndex, NodeId, SnapshotTaken } from "quorate";
import type { MembersAnswer, PlanAnswer } from "./admin-answer.ts";
import { ApiError, type ApiErrorCode } from "./api-error.ts";
import type { Reply } from "./http-exchange.ts";
import type { NodeStatus } from "./node-status.ts";

/** The index and the previous index of an answered write. Throws `bad_answer`. */
export function decodeWritten(reply: Reply): {
  readonly index: LogIndex;
  readonly previousIndex: LogIndex;
} {
  const { index, previousIndex } = decodeObject(reply);
  if (isIndex(index) && isIndex(previousIndex)) return { index, previousIndex };
  throw badAnswer(reply);
}

/** The log index that an answer carries. Throws `bad_answer`. */
export function decodeIndex(reply: Reply): LogIndex {
  const text = reply.headers["x-quorate-index"];
  const index = typeof text === "string" && /^\d+$/.test(text) ? Number(text) : undefined;
  if (isIndex(index)) return index;
  throw badAnswer(reply);
}

/** The error that an answer stands for; what is no answer of this kind of server becomes `bad_answer`. */
export function decodeRefusal(reply: Reply): ApiError {
  let body: Record<string, unknown>;
  try {
    body = decodeObject(reply);
  } catch {
    return badAnswer(reply);
  }
  const { code, message, outcome } = body;
  if (typeof code !== "string" || typeof message !== "string") return badAnswer(reply);
  if (outcome !== "not-applied" && outcome !== "unknown") return badAnswer(reply);
  return new ApiError(code as ApiErrorCode, message, { outcome, status: reply.status });
}

/** The status of a node. Throws `bad_answer` if what the command line shows of it is not there. */
export function decodeStatus(reply: Reply): NodeStatus {
  const body = decodeObject(reply);
  const { last, progress } = body;
  const isStatus =
    isIndex(body["id"]) &&
    typeof body["role"] === "string" &&
    isIndex(body["term"]) &&
    isIndex(body["leader"]) &&
    isIndex(body["commitIndex"]) &&
    isIndex(body["appliedIndex"]) &&
    isIndex(body["firstIndex"]) &&
    isIndex(body["snapshotIndex"]) &&
    isConfState(body["confState"]) &&
    isIndex(body["confIndex"]) &&
    isIndex(body["transferTarget"]) &&
    isObject(body["snapshots"]) &&
    Array.isArray(body["snapshots"]["sending"]) &&
    body["snapshots"]["sending"].every(isObject) &&
    isObject(last) &&
    isIndex(last["index"]) &&
    Array.isArray(progress) &&
    progress.every(
      (peer) => isObject(peer) && isIndex(peer["id"]) && isIndex(peer["matchIndex"]),
    ) &&
    typeof body["clusterId"] === "string" &&
    isIds(body["connected"]) &&
    isIndex(body["pid"]);
  // Servers of earlier versions find nothing.
  const { findings = [], indexFindings = [] } = body;
  if (!isStatus || !isFindings(findings) || !isFindings(indexFindings)) throw badAnswer(reply);
  return { ...body, findings } as unknown as NodeStatus;
}

/** The members of a group. Throws `bad_answer` if what the command line shows of them is not there. */
export function decodeMembers(reply: Reply): MembersAnswer {
  const body = decodeObject(reply);
  const { members, removed } = body;
  const isMembers =
    isIndex(body["index"]) &&
    isConfState(body["confState"]) &&
    Array.isArray(members) &&
    members.every((member) => {
      return (
        isObject(member) &&
        isIndex(member["id"]) &&
        typeof member["role"] === "string" &&
        typeof member["address"] === "string" &&
        isIndex(member["priority"])
      );
    }) &&
    isIds(removed);
  if (!isMembers) throw badAnswer(reply);
  return body as unknown as MembersAnswer;
}

/** What would be done. Throws `bad_answer` if what the command line shows of it is not there. */
export function decodePlan(reply: Reply): PlanAnswer {
  const body = decodeObject(reply);
  const { steps } = body;
  const isPlan =
    isIndex(body["index"]) &&
    isConfState(body["confState"]) &&
    Array.isArray(steps) &&
    steps.every((step) => {
      return (
        isObject(step) &&
        Array.isArray(step["changes"]) &&
        step["changes"].every((change) => isObject(change) && isIndex(change["id"])) &&
        isIds(step["catchUp"]) &&
        isConfState(step["confState"]) &&
        isIndex(step["faultsTolerated"]) &&
        Array.isArray(step["warnings"]) &&
        step["warnings"].every((warning) => isObject(warning))
      );
    });
  if (!isPlan) throw badAnswer(reply);
  return body as unknown as PlanAnswer;
}

/** Who leads after a transfer. Throws `bad_answer`. */
export function decodeLeader(reply: Reply): NodeId {
  const { leader } = decodeObject(reply);
  if (isIndex(leader)) return leader;
  throw badAnswer(reply);
}

/** The session that was opened. Throws `bad_answer`. */
export function decodeSession(reply: Reply): LogIndex {
  const { session } = decodeObject(reply);
  if (isIndex(session)) return session;
  throw badAnswer(reply);
}

/** Whom a node forgot. Throws `bad_answer`. */
export function decodeForgotten(reply: Reply): NodeId {
  const { forgotten } = decodeObject(reply);
  if (isIndex(forgotten)) return forgotten;
  throw badAnswer(reply);
}

/** The snapshot that was taken. Throws `bad_answer`. */
export function decodeSnapshotTaken(reply: Reply): SnapshotTaken {
  const { index, term, bytes } = decodeObject(reply);
  if (isIndex(index) && isIndex(term) && isIndex(bytes)) return { index, term, bytes };
  throw badAnswer(reply);
}

function isFindings(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every((finding) => {
      return (
        isObject(finding) &&
        ["code", "severity", "message", "remedy"].every(
          (name) => typeof finding[name] === "string",
        ) &&
        isIds(finding["peers"] ?? []) &&
        isIndex(finding["index"] ?? 0)
      );
    })
  );
}

function isConfState(value: unknown): boolean {
  return (
    isObject(value) &&
    ["voters", "votersOutgoing", "learners", "learnersNext"].every((name) => isIds(value[name]))
  );
}

function isIds(value: unknown): boolean {
  return Array.isArray(value) && value.every(isIndex);
}

function decodeObject(reply: Reply): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(reply.body.toString("utf8"));
  } catch {
    throw badAnswer(reply);
  }
  if (!isObject(value)) throw badAnswer(reply);
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isIndex(value: unknown): value is LogIndex {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function badAnswer(reply: Reply): ApiError {
  return new ApiError("bad_answer", `status ${reply.status} with a body of another kind`);
}
