import type { IncomingMessage } from "node:http";
import { ApiError } from "./api-error.ts";

/** What a request path names. */
export type Resource =
  /** One key; `key` is still percent-encoded. */
  | { readonly kind: "key"; readonly key: string }
  | { readonly kind: "status" }
  | { readonly kind: "health" }
  | { readonly kind: "readiness" };

/** The longest time that a request may ask for in `x-quorate-timeout-ms`, in milliseconds. */
export const timeoutMsMax = 60_000;

/** The methods that each kind of resource knows, in the order that `allow` lists them. */
export const methods: Record<Resource["kind"], readonly string[]> = {
  key: ["GET", "PUT", "DELETE"],
  status: ["GET"],
  health: ["GET"],
  readiness: ["GET"],
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
    case "/healthz":
      return { kind: "health" };
    case "/readyz":
      return { kind: "readiness" };
    default:
      return path.startsWith(keyPrefix)
        ? { kind: "key", key: path.slice(keyPrefix.length) }
        : undefined;
  }
}

const keyPrefix = "/v1/kv/";

/** The consistency that the query of a read asks for. Throws `invalid_argument` on anything else. */
export function consistencyOf(query: string): "linearizable" | "local" {
  const parameters = new URLSearchParams(query);
  const consistency = parameters.get("consistency") ?? "linearizable";
  parameters.delete("consistency");
  refuseParameters(parameters);
  if (consistency === "linearizable" || consistency === "local") return consistency;
  throw new ApiError(
    "invalid_argument",
    `consistency is "${consistency}", must be linearizable or local`,
  );
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
 * How long the request may take, in milliseconds: what `x-quorate-timeout-ms` says, 1 to 60,000, or
 * `defaultMs`. Throws `invalid_argument` on anything else.
 */
export function timeoutMsOf(request: IncomingMessage, defaultMs: number): number {
  const text = request.headers["x-quorate-timeout-ms"];
  if (text === undefined) return defaultMs;
  const timeoutMs = typeof text === "string" && /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (timeoutMs >= 1 && timeoutMs <= timeoutMsMax) return timeoutMs;
  throw new ApiError(
    "invalid_argument",
    `x-quorate-timeout-ms is "${String(text)}", must be an integer from 1 to ${timeoutMsMax}`,
  );
}
