import { none, type CallOptions, type SnapshotArchive } from "quorate";
import { membersAnswer, planAnswer } from "./admin-answer.ts";
import { decodeChange, decodeSnapshotRequest, decodeTransfer } from "./admin-request.ts";
import { ApiError } from "./api-error.ts";
import { errorAnswer, jsonAnswer, type HttpAnswer } from "./http-answer.ts";
import type { KvReplica } from "./kv-calls.ts";

/** How long taking a snapshot may take unless the request says otherwise, in milliseconds. */
const snapshotTimeoutMs = 60_000;

/** Answers with the members, as far as this node knows. */
export function getMembers(replica: KvReplica): HttpAnswer {
  const view = replica.members.list();
  return jsonAnswer(200, membersAnswer(view), view.index);
}

/** Changes the members, and answers with those after it; or, for a dry run, with what would be done. */
export async function changeMembers(
  replica: KvReplica,
  body: Uint8Array,
  options: CallOptions,
): Promise<HttpAnswer> {
  const { wish, ifIndex, dryRun, timeoutMs = options.timeoutMs } = decodeChange(body);
  if (dryRun) {
    const { index } = replica.members.list();
    if (ifIndex !== undefined && ifIndex !== index) {
      const present = `the configuration is that of index ${index}, not ${ifIndex}`;
      throw new ApiError("configuration_changed", present);
    }
    return jsonAnswer(200, planAnswer(replica.members.plan(wish), index), index);
  }
  const view = await replica.members.change(wish, { ...options, ifIndex, timeoutMs });
  return jsonAnswer(200, membersAnswer(view), view.index);
}

/** Hands leadership over, and answers with `{leader}`. */
export async function transferLeadership(
  replica: KvReplica,
  body: Uint8Array,
  options: CallOptions,
): Promise<HttpAnswer> {
  const { to, timeoutMs = options.timeoutMs } = decodeTransfer(body);
  const leader = await replica.transferLeadership(to, { ...options, timeoutMs });
  return jsonAnswer(200, { leader });
}

/**
 * Makes this node forget whom it follows, and answers with `{forgotten}`. Throws `not_found` if it knows no
 * leader, `is_leader` if it leads, and `lease_promised` with lease reads.
 */
export function forgetLeader(replica: KvReplica): HttpAnswer {
  const forgotten = replica.forgetLeader();
  if (forgotten === none) throw new ApiError("not_found", "this node knows no leader");
  return jsonAnswer(200, { forgotten });
}

/** Answers with what the core of this node was told of late. Throws `not_found` if that is not kept. */
export function copyFlightRecord(replica: KvReplica): HttpAnswer {
  const body = replica.flightRecord();
  if (body === undefined) throw new ApiError("not_found", "this node keeps no flight record");
  const contentType = "application/octet-stream";
  return { status: 200, index: undefined, headers: {}, contentType, body };
}

/**
 * Takes a snapshot on this node, and answers with `{index, term, bytes}`. It holds all that was
 * acknowledged anywhere before: the node first catches up.
 */
export async function takeSnapshot(
  replica: KvReplica,
  body: Uint8Array,
  options: CallOptions,
): Promise<HttpAnswer> {
  const { timeoutMs = options.timeoutMs ?? snapshotTimeoutMs } = decodeSnapshotRequest(body);
  await replica.read({ key: new Uint8Array(0) }, { ...options, timeoutMs });
  const { index, term, bytes } = await replica.snapshot({ ...options, timeoutMs });
  return jsonAnswer(200, { index, term, bytes }, index);
}

/** Answers with the file of the newest snapshot. Calls `done` once all of it is sent, or rejects. */
export async function sendSnapshot(
  open: () => Promise<SnapshotArchive | undefined>,
  done: () => void,
): Promise<HttpAnswer> {
  const archive = await open();
  if (archive === undefined || archive.info.index === 0) {
    await archive?.close();
    done();
    return errorAnswer(new ApiError("not_found", "this node has taken no snapshot yet"));
  }
  return {
    status: 200,
    index: archive.info.index,
    headers: {},
    contentType: "application/octet-stream",
    body: {
      bytes: archive.fileBytes,
      chunks: archive.fileChunks(),
      close: async () => {
        done();
        await archive.close();
      },
    },
  };
}
