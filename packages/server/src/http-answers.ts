import type { IncomingMessage, ServerResponse } from "node:http";
import {
  explain,
  explainIndex,
  none,
  type CallOptions,
  type LogIndex,
  type SnapshotArchive,
} from "quorate";
import {
  changeMembers,
  copyFlightRecord,
  forgetLeader,
  getMembers,
  sendSnapshot,
  takeSnapshot,
  transferLeadership,
} from "./admin-calls.ts";
import { ApiError } from "./api-error.ts";
import { valueBytesMax } from "./command.ts";
import { jsonAnswer, type HttpAnswer } from "./http-answer.ts";
import { methodNotAllowed, refuseOtherThanJson } from "./http-refusal.ts";
import {
  adminTimeoutMsMax,
  methods,
  readOptionsOf,
  refuseQuery,
  resourceOf,
  splitTarget,
  statusIndexOf,
  timeoutMsMax,
  timeoutMsOf,
} from "./http-request.ts";
import { idempotencyOf } from "./idempotency.ts";
import { decodeKey } from "./key-path.ts";
import { get, put, remove, type KvReplica } from "./kv-calls.ts";
import type { NodeStatus } from "./node-status.ts";
import { BodyBudget, readBody, type BodyLimits } from "./request-body.ts";
import { closeSession, openSession } from "./session-calls.ts";
import { version } from "./version.ts";

/** Gives all metrics as text, and says of what kind it is. */
export type HttpServerMetrics = () => Promise<{
  readonly contentType: string;
  readonly text: string;
}>;

/** What requests are answered with. */
export interface AnswersOptions {
  readonly callTimeoutMs: number;
  readonly openSnapshot: () => Promise<SnapshotArchive | undefined>;
  readonly snapshotCountMax: number;
  readonly bodyBytesMax: number;
  readonly metrics: HttpServerMetrics | undefined;
  /** Whether the node stops, and takes no further work. */
  isDraining(): boolean;
}

/** How large the body of a request about members, leadership or snapshots may be, in bytes. */
const adminBytesMax = 256 * 1024;
/** How long a client may neither send nor take anything, beyond the time that its request has. */
export const idleMs = 60_000;

/** Answers the requests of the HTTP interface: one place says what there is, and who does it. */
export class Answers {
  readonly #replica: KvReplica;
  readonly #options: AnswersOptions;
  readonly #budget: BodyBudget;
  #snapshotCount = 0;

  constructor(replica: KvReplica, options: AnswersOptions) {
    this.#replica = replica;
    this.#options = options;
    this.#budget = new BodyBudget(options.bodyBytesMax);
  }

  /** What to answer `request`. Rejects with an `ApiError` for what is refused. */
  async answer(
    request: IncomingMessage,
    response: ServerResponse,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    const { path, query } = splitTarget(request.url ?? "");
    const resource = resourceOf(path);
    if (resource === undefined) throw new ApiError("unknown_path", `there is nothing at ${path}`);
    const allowed = methods[resource.kind];
    if (!allowed.includes(request.method ?? "")) return methodNotAllowed(request, allowed);

    switch (resource.kind) {
      case "status":
        return this.#answerWithStatus(statusIndexOf(query));
      case "health":
      case "readiness":
        refuseQuery(query);
        return this.#answerAboutNode(resource.kind);
      case "metrics":
        refuseQuery(query);
        return this.#answerWithMetrics();
      case "flight-record":
        refuseQuery(query);
        return this.#answerFlight(request, response);
      case "key":
        if (this.#options.isDraining()) return this.#refuseWhileStopping(request, response);
        return this.#answerAboutKey(request, response, { key: resource.key, query, signal });
      case "session": {
        refuseQuery(query);
        if (this.#options.isDraining()) throw stopping();
        const timeoutMs = timeoutMsOf(request, timeoutMsMax) ?? this.#options.callTimeoutMs;
        return closeSession(this.#replica, resource.session, { signal, timeoutMs });
      }
      case "members":
      case "leader":
      case "snapshot":
      case "sessions":
        refuseQuery(query);
        if (this.#options.isDraining()) return this.#refuseWhileStopping(request, response);
        // It is the leader that is forgotten: `methods` lets nothing else be deleted.
        if (request.method === "DELETE") return forgetLeader(this.#replica);
        return request.method === "GET"
          ? this.#answerAboutGroup(resource.kind)
          : this.#change(request, response, { call: calls[resource.kind], signal });
    }
  }

  /**
   * Refuses a request because this node stops. Its connection ends with the answer, so all of the request
   * is read first: what is not would let the system reset the connection, and the answer be lost.
   */
  async #refuseWhileStopping(request: IncomingMessage, response: ServerResponse): Promise<never> {
    if (request.method === "PUT" || request.method === "POST") {
      const body = await readBody(request, response, this.#limits("body", valueBytesMax));
      body.release();
    }
    throw stopping();
  }

  async #answerAboutKey(
    request: IncomingMessage,
    response: ServerResponse,
    { key: text, query, signal }: { key: string; query: string; signal: AbortSignal },
  ): Promise<HttpAnswer> {
    const key = decodeKey(text);
    const timeoutMs = timeoutMsOf(request, timeoutMsMax) ?? this.#options.callTimeoutMs;
    const options = { signal, timeoutMs };
    if (request.method === "GET") {
      return get(this.#replica, key, { ...options, ...readOptionsOf(query) });
    }
    refuseQuery(query);
    const writeOptions = { ...options, idempotency: idempotencyOf(request.headers) };
    if (request.method === "DELETE") return remove(this.#replica, key, writeOptions);

    const body = await readBody(request, response, this.#limits("value", valueBytesMax));
    try {
      return await put(this.#replica, key, body.bytes, writeOptions);
    } finally {
      body.release();
    }
  }

  async #answerWithMetrics(): Promise<HttpAnswer> {
    const metrics = await this.#options.metrics?.();
    if (metrics === undefined) throw new ApiError("not_found", "this node keeps no metrics");
    const { contentType, text } = metrics;
    return { status: 200, index: undefined, headers: {}, contentType, body: Buffer.from(text) };
  }

  /** A node that stops, or has failed, tells what it kept all the same. */
  async #answerFlight(request: IncomingMessage, response: ServerResponse): Promise<HttpAnswer> {
    if (request.method === "POST") {
      const body = await readBody(request, response, this.#limits("body", adminBytesMax));
      body.release();
    }
    return copyFlightRecord(this.#replica);
  }

  #limits(noun: string, bytesMax: number): BodyLimits {
    return { noun, bytesMax, budget: this.#budget };
  }

  async #answerAboutGroup(kind: keyof typeof calls): Promise<HttpAnswer> {
    if (kind !== "snapshot") return getMembers(this.#replica);
    if (this.#snapshotCount >= this.#options.snapshotCountMax) {
      throw new ApiError("busy", `${this.#snapshotCount} copies of snapshots are being sent`);
    }
    this.#snapshotCount += 1;
    const done = (): void => {
      this.#snapshotCount -= 1;
    };
    try {
      return await sendSnapshot(this.#options.openSnapshot, done);
    } catch (error) {
      done();
      throw error;
    }
  }

  /** Does what only `POST` does. */
  async #change(
    request: IncomingMessage,
    response: ServerResponse,
    { call, signal }: { call: PostCall; signal: AbortSignal },
  ): Promise<HttpAnswer> {
    refuseOtherThanJson(request);
    const timeoutMs = timeoutMsOf(request, adminTimeoutMsMax);
    const body = await readBody(request, response, this.#limits("body", adminBytesMax));
    try {
      // It waits for others, in silence.
      request.socket.setTimeout(adminTimeoutMsMax + idleMs);
      return await call(this.#replica, body.bytes, { signal, timeoutMs });
    } finally {
      body.release();
    }
  }

  /** Answers with the status, and with what became of the entry at `index` if one is asked about. */
  #answerWithStatus(index: LogIndex | undefined): HttpAnswer {
    const status = this.#replica.status();
    const indexFindings = index === undefined ? undefined : explainIndex(status, index);
    const findings = explain(status);
    const node: NodeStatus = { ...status, version, pid: process.pid, findings, indexFindings };
    return jsonAnswer(200, node);
  }

  #answerAboutNode(kind: "health" | "readiness"): HttpAnswer {
    const status = this.#replica.status();
    switch (kind) {
      case "health":
        if (status.state === "removed") {
          throw new ApiError("removed", "this node was removed from the group, for good");
        }
        if (status.state === "failed" || status.state === "closed") {
          throw new ApiError("closed", status.failure ?? "the replica is closed");
        }
        return jsonAnswer(200, { status: "ok" });
      case "readiness":
        if (this.#options.isDraining()) throw stopping();
        if (status.state !== "running") throw notReady(`the replica is ${status.state}`);
        if (status.leader === none) throw notReady("no leader is known");
        return jsonAnswer(200, { status: "ready", leader: status.leader });
    }
  }
}

/** Does what a body asks for. */
type PostCall = (replica: KvReplica, body: Uint8Array, options: CallOptions) => Promise<HttpAnswer>;

const calls: Record<"members" | "leader" | "snapshot" | "sessions", PostCall> = {
  members: changeMembers,
  leader: transferLeadership,
  snapshot: takeSnapshot,
  sessions: openSession,
};

function stopping(): ApiError {
  return new ApiError("closed", "this node is stopping");
}

function notReady(reason: string): ApiError {
  return new ApiError("unavailable", reason);
}
