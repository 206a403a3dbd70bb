import type { IncomingMessage } from "node:http";
import type { LogIndex, ReadOptions } from "quorate";
import { ApiError } from "./api-error.ts";

/** What a request path names. */
export type Resource =
  /** One key; `key` is still percent-encoded. */
  | { readonly kind: "key"; readonly key: string }
  | { readonly kind: "status" }
  | { readonly kind: "health" }
  | { readonly kind: "readiness" }
  /** What Prometheus reads. */
  | { readonly kind: "metrics" }
  /** The members of the group. */
  | { readonly kind: "members" }
  /** Who leads. */
  | { readonly kind: "leader" }
  /** The newest snapshot of this node. */
  | { readonly kind: "snapshot" }
  /** What the core of this node was told of late. */
  | { readonly kind: "flight-record" }
  /** All sessions, to open one more. */
  | { readonly kind: "sessions" }
  /** One session. */
  | { readonly kind: "session"; readonly session: LogIndex };

/** The longest time that a request about a key may ask for, in milliseconds. */
export const timeoutMsMax = 60_000;

/** The longest time that a request about members, leadership or snapshots may ask for, in milliseconds. */
export const adminTimeoutMsMax = 3_600_000;

/** The methods that each kind of resource knows, in the order that `allow` lists them. */
export const methods: Record<Resource["kind"], readonly string[]> = {
  key: ["GET", "PUT", "DELETE"],
  status: ["GET"],
  health: ["GET"],
  readiness: ["GET"],
  metrics: ["GET"],
  members: ["GET", "POST"],
  leader: ["POST", "DELETE"],
  snapshot: ["GET", "POST"],
  "flight-record": ["GET", "POST"],
  sessions: ["POST"],
  session: ["DELETE"],
};

/** The path and the query of a request target, which may be in absolute form (RFC 9112, 3.2.2). */
export function splitTarget(target: string): { readonly path: string; readonly query: string } {
  const origin = target.replace(/^https?:\/\/[^/?]*/i, "");
  const mark = origin.indexOf("?");
  return mark < 0
    ? { path: origin, query: "" }
    : { path: origin.slice(0, mark), query: origin.slice(mark + 1) };
}

/** What `path` names, or undefined: nothing. */
export function resourceOf(path: string): Resource | undefined {
  switch (path) {
    case "/v1/status":
      return { kind: "status" };
    case "/v1/members":
      return { kind: "members" };
    case "/v1/leader":
      return { kind: "leader" };
    case "/v1/snapshot":
      return { kind: "snapshot" };
    case "/v1/flight-record":
      return { kind: "flight-record" };
    case "/v1/sessions":
      return { kind: "sessions" };
    case "/healthz":
      return { kind: "health" };
    case "/metrics":
      return { kind: "metrics" };
    case "/readyz":
      return { kind: "readiness" };
    default:
      return path.startsWith(keyPrefix)
        ? { kind: "key", key: path.slice(keyPrefix.length) }
        : sessionIn(path);
  }
}

const keyPrefix = "/v1/kv/";

function sessionIn(path: string): Resource | undefined {
  const [, digits] = /^\/v1\/sessions\/([1-9]\d{0,13})$/.exec(path) ?? [];
  return digits === undefined ? undefined : { kind: "session", session: Number(digits) };
}

/** What the query of a read asks for. Throws `invalid_argument` on anything that is no such thing. */
export function readOptionsOf(
  query: string,
): Pick<ReadOptions, "consistency" | "stalenessMsMax" | "atLeast"> {
  const parameters = new URLSearchParams(query);
  const consistency = parameters.get("consistency") ?? "linearizable";
  const stalenessMsMax = numberOf(parameters, "stalenessMsMax");
  const atLeast = numberOf(parameters, "atLeast");
  for (const name of ["consistency", "stalenessMsMax", "atLeast"]) parameters.delete(name);
  refuseParameters(parameters);
  if (!isConsistency(consistency)) {
    throw new ApiError(
      "invalid_argument",
      `consistency is "${consistency}", must be one of ${consistencies.join(", ")}`,
    );
  }
  return { consistency, stalenessMsMax, atLeast };
}

/** What a read may be asked to rest on. */
export const consistencies = ["linearizable", "lease", "local"] as const;

/** One of `consistencies`. */
export type Consistency = (typeof consistencies)[number];

function isConsistency(text: string): text is Consistency {
  return consistencies.some((each) => each === text);
}

/** The integer that parameter `name` gives, if it is given. */
function numberOf(parameters: URLSearchParams, name: string): number | undefined {
  const text = parameters.get(name);
  if (text === null) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : -1;
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new ApiError("invalid_argument", `${name} is "${text}", must be an integer of at least 0`);
}

/**
 * The entry that the query of a request for the status asks about, or undefined. Throws `invalid_argument`
 * on anything that is no such thing.
 */
export function statusIndexOf(query: string): LogIndex | undefined {
  const parameters = new URLSearchParams(query);
  const index = numberOf(parameters, "index");
  parameters.delete("index");
  refuseParameters(parameters);
  if (index === 0) throw new ApiError("invalid_argument", "index is 0, must be at least 1");
  return index;
}

/** Throws `invalid_argument` if the query of a request that takes none says anything. */
export function refuseQuery(query: string): void {
  refuseParameters(new URLSearchParams(query));
}

function refuseParameters(parameters: URLSearchParams): void {
  const [name] = parameters.keys();
  if (name !== undefined) throw new ApiError("invalid_argument", `unknown parameter "${name}"`);
}

/**
 * How long the request may take, in milliseconds: what `x-quorate-timeout-ms` says, 1 to `mostMs`, or
 * undefined if it says nothing. Throws `invalid_argument` on anything else.
 */
export function timeoutMsOf(request: IncomingMessage, mostMs: number): number | undefined {
  const text = request.headers["x-quorate-timeout-ms"];
  if (text === undefined) return undefined;
  const timeoutMs = typeof text === "string" && /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (timeoutMs >= 1 && timeoutMs <= mostMs) return timeoutMs;
  throw new ApiError(
    "invalid_argument",
    `x-quorate-timeout-ms is "${String(text)}", must be an integer from 1 to ${mostMs}`,
  );
}
