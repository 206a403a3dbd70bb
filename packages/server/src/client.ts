import type { LogIndex, MemberWish, NodeId, SnapshotTaken } from "quorate";
import type { MembersAnswer, PlanAnswer } from "./admin-answer.ts";
import {
  decodeForgotten,
  decodeIndex,
  decodeLeader,
  decodeMembers,
  decodePlan,
  decodeSnapshotTaken,
  decodeStatus,
  decodeWritten,
} from "./client-decode.ts";
import type { ClientCredentials } from "./client-connections.ts";
import { ClientRequests, type ClientRequest } from "./client-requests.ts";
import { ClientSession } from "./client-session.ts";
import type { Reply } from "./http-exchange.ts";
import type { Consistency } from "./http-request.ts";
import { checkKey } from "./idempotency.ts";
import { encodeKey } from "./key-path.ts";
import type { NodeStatus } from "./node-status.ts";

/** How a client behaves. */
export interface ClientOptions extends ClientCredentials {
  /**
   * Where the nodes listen for HTTP, as `http://host:port` or `https://host:port`. At least one; any will do, more survive
   * more failures.
   */
  readonly endpoints: readonly string[];
  /**
   * How long a call may take, over all attempts, in milliseconds.
   *
   * @default 10_000
   */
  readonly timeoutMs?: number;
  /**
   * Told once for a call that nobody can serve as yet and that is tried again: why, and for how many
   * milliseconds at most.
   *
   * @default nobody is told
   */
  readonly onRetry?: (reason: string, leftMs: number) => void;
}

/** What a caller may say about one call. */
export interface ClientCallOptions {
  /** Gives up when aborted. A write may then still take effect. */
  readonly signal?: AbortSignal;
  /** As in `ClientOptions`, for this call. */
  readonly timeoutMs?: number;
}

/** What a caller may say about one write. */
export interface ClientWriteOptions extends ClientCallOptions {
  /**
   * A key that no other write has, 1 to 64 visible characters of ASCII: under it the write may be repeated
   * by another client, too, and takes effect once. The group remembers it for a day, or until 65,536 other
   * keys and sessions were used since.
   *
   * @default a number in a session of this client
   */
  readonly idempotencyKey?: string | undefined;
}

/** What a caller may say about one read. */
export interface ClientReadOptions extends ClientCallOptions {
  /**
   * What the read rests on, as in the `ReadOptions` of a replica. A `local` one is asked of any node that
   * is alive, however far behind.
   *
   * @default "linearizable"
   */
  readonly consistency?: Consistency | undefined;
  /**
   * How old a `local` read may be, in milliseconds.
   *
   * @default no bound
   */
  readonly stalenessMsMax?: number | undefined;
  /**
   * The `index` of a write, or of another read: this one sees it.
   *
   * @default 0
   */
  readonly atLeast?: LogIndex | undefined;
}

/** What a caller may say about one change of members. */
export interface ClientChangeOptions extends ClientCallOptions {
  /** Makes the change only if the configuration is still that of this `index`. */
  readonly ifIndex?: LogIndex | undefined;
}

/** A committed write. */
export interface Written {
  /** Where it stands in the log. */
  readonly index: LogIndex;
  /** Where the key was put before, or 0: it had no value. */
  readonly previousIndex: LogIndex;
}

/** An answered read. */
export interface Found {
  /** The value, or undefined: the key has none. */
  readonly value: Uint8Array | undefined;
  /** How far the answering node had applied the log. */
  readonly index: LogIndex;
}

/**
 * Talks to the key-value store through whichever node answers. A call that certainly had no effect is
 * tried again, elsewhere, until the deadline. So are reads and writes whatever became of them: a write is
 * known again by its number in a session of this client, and takes effect once. Other changes whose outcome
 * is unknown never are.
 *
 * Every method rejects with an `ApiError`: `outcome` says whether the call may have had an effect.
 */
export class Client {
  readonly #requests: ClientRequests;
  readonly #session: ClientSession;

  /** Throws `invalid_argument` on an endpoint that is none. Connects to nothing yet. */
  constructor({ endpoints, timeoutMs = 10_000, onRetry = () => {}, token, tls }: ClientOptions) {
    const credentials = { token, tls };
    this.#requests = new ClientRequests({ endpoints, timeoutMs, onRetry, credentials });
    this.#session = new ClientSession(this.#requests);
  }

  /** Puts `value` at `key`. Resolves once that is committed. */
  async put(
    key: Uint8Array,
    value: Uint8Array,
    options: ClientWriteOptions = {},
  ): Promise<Written> {
    const request = { method: "PUT", path: keyPath(key), body: value, need: "ready" } as const;
    return decodeWritten(await this.#write(request, options));
  }

  /** Removes `key`. Resolves with undefined if it had no value. */
  async delete(key: Uint8Array, options: ClientWriteOptions = {}): Promise<Written | undefined> {
    const request = { method: "DELETE", path: keyPath(key), need: "ready" } as const;
    const reply = await this.#write(request, options);
    return reply.status === 404 ? undefined : decodeWritten(reply);
  }

  /** Reads `key`, by default linearizable. */
  async get(key: Uint8Array, options: ClientReadOptions = {}): Promise<Found> {
    const { consistency, stalenessMsMax, atLeast } = options;
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries({ consistency, stalenessMsMax, atLeast })) {
      if (value !== undefined) query.set(name, String(value));
    }
    const path = query.size === 0 ? keyPath(key) : `${keyPath(key)}?${query.toString()}`;
    const need = consistency === "local" ? "alive" : "ready";
    const reply = await this.#requests.call({ method: "GET", path, need }, options);
    return { value: reply.status === 404 ? undefined : reply.body, index: decodeIndex(reply) };
  }

  /** The members of the group, as far as the node that answers knows. */
  async members(options: ClientCallOptions = {}): Promise<MembersAnswer> {
    const request = { method: "GET", path: "/v1/members", need: "ready" } as const;
    return decodeMembers(await this.#requests.call(request, options));
  }

  /**
   * Makes the members as `wish` wants them, and resolves with those after it. When it is not known what
   * became of it, ask for the same again.
   */
  async changeMembers(wish: MemberWish, options: ClientChangeOptions = {}): Promise<MembersAnswer> {
    const body = jsonOf({ ...wish, ifIndex: options.ifIndex });
    return decodeMembers(await this.#post("/v1/members", body, options));
  }

  /** What would be done for `wish`. Changes nothing. */
  async planMembers(wish: MemberWish, options: ClientChangeOptions = {}): Promise<PlanAnswer> {
    const body = jsonOf({ ...wish, ifIndex: options.ifIndex, dryRun: true });
    return decodePlan(await this.#post("/v1/members", body, options));
  }

  /** Hands leadership over to `to`, or to whoever is furthest. Resolves with the new leader. */
  async transferLeadership(to?: NodeId, options: ClientCallOptions = {}): Promise<NodeId> {
    return decodeLeader(await this.#post("/v1/leader", jsonOf({ to }), options));
  }

  /**
   * Makes the node at `endpoint`, and no other, forget whom it follows: for someone who knows that the
   * leader is gone. Resolves with who that was. Rejects with `not_found` if it knows no leader, `is_leader`
   * if it leads, and `lease_promised` with lease reads; then nothing happened.
   */
  async forgetLeader(endpoint: string, options: ClientCallOptions = {}): Promise<NodeId> {
    const request = { method: "DELETE", path: "/v1/leader", need: "alive" } as const;
    return decodeForgotten(await this.#requests.askOne(endpoint, request, options));
  }

  /** Lets the node at `endpoint` take a snapshot now. Tries no other. */
  async takeSnapshot(endpoint: string, options: ClientCallOptions = {}): Promise<SnapshotTaken> {
    const path = "/v1/snapshot";
    const request = { method: "POST", path, body: jsonOf({}), need: "alive" } as const;
    return decodeSnapshotTaken(await this.#requests.askOne(endpoint, request, options));
  }

  /**
   * Copies the newest snapshot of the node at `endpoint`, piece by piece. Gives up when nothing arrives
   * for as long as a call may take. Resolves with the length of the file.
   */
  async copySnapshot(
    endpoint: string,
    take: (chunk: Uint8Array) => Promise<void>,
    options: ClientCallOptions = {},
  ): Promise<number> {
    return this.#requests.download(endpoint, "/v1/snapshot", take, options);
  }

  /**
   * Copies what the core of the node at `endpoint` was told of late, piece by piece, as `copySnapshot` does.
   * Rejects with `not_found` if the node keeps nothing of it.
   */
  async copyFlightRecord(
    endpoint: string,
    take: (chunk: Uint8Array) => Promise<void>,
    options: ClientCallOptions = {},
  ): Promise<number> {
    return this.#requests.download(endpoint, "/v1/flight-record", take, options);
  }

  /** One of the endpoints whose node knows a leader and takes work. */
  async readyEndpoint(options: ClientCallOptions = {}): Promise<string> {
    const request = { method: "GET", path: "/readyz", need: "ready" } as const;
    let found = "";
    await this.#requests.call(request, options, (endpoint) => {
      found = endpoint.origin;
    });
    return found;
  }

  /**
   * The status of the node at `endpoint`, one of the endpoints, with what it knows of the entry at `index`
   * if that is given. Tries no other.
   */
  async status(
    endpoint: string,
    options: ClientCallOptions & { readonly index?: LogIndex | undefined } = {},
  ): Promise<NodeStatus> {
    const { index, ...call } = options;
    const path = index === undefined ? "/v1/status" : `/v1/status?index=${index}`;
    return decodeStatus(await this.#requests.lookAt(endpoint, path, call));
  }

  /** Closes all connections. Calls in progress fail. */
  close(): void {
    this.#requests.close();
  }

  async #write(request: ClientRequest, options: ClientWriteOptions): Promise<Reply> {
    const { idempotencyKey } = options;
    if (idempotencyKey === undefined) return this.#session.write(request, options);
    const headers = { "idempotency-key": checkKey(idempotencyKey) };
    return this.#requests.call({ ...request, headers, isRepeatable: true }, options);
  }

  async #post(path: string, body: Uint8Array, options: ClientCallOptions): Promise<Reply> {
    return this.#requests.call({ method: "POST", path, body, need: "ready" }, options);
  }
}

function keyPath(key: Uint8Array): string {
  return `/v1/kv/${encodeKey(key)}`;
}

function jsonOf(value: object): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
