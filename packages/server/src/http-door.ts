import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { ApiError } from "./api-error.ts";
import { clientAddressOf } from "./client-address.ts";
import type { HttpAccess } from "./http-access.ts";
import { resourceOf, splitTarget } from "./http-request.ts";
import { RateLimiter } from "./rate-limiter.ts";

/** How much is let in. Every limit has a default. */
export interface DoorLimits {
  /**
   * How many requests per second one client address may make; 0: as many as it likes. More are refused
   * as `rate_limited`. An IPv6 network of 64 bits counts as one address.
   *
   * @default 5000
   */
  readonly requestsPerSecondMax?: number;
  /**
   * How many requests one client address may make at once after a pause.
   *
   * @default twice `requestsPerSecondMax`
   */
  readonly requestBurstMax?: number;
  /**
   * How many client addresses are told apart for that; one more forgets the one quiet for longest.
   *
   * @default 8192
   */
  readonly clientCountMax?: number;
  /**
   * How many connections of one client address may be open; further ones are closed at once.
   *
   * @default 256
   */
  readonly connectionsPerClientMax?: number;
  /**
   * How many requests may be in progress, over all clients; further ones are refused as `busy`.
   *
   * @default 4096
   */
  readonly requestCountMax?: number;
}

/** The door of the HTTP interface: who comes in, and how much at a time. */
export class HttpDoor {
  readonly #access: HttpAccess;
  readonly #limiter: RateLimiter;
  readonly #connectionsPerClientMax: number;
  readonly #requestCountMax: number;
  readonly #connectionCounts = new Map<string, number>();

  constructor(access: HttpAccess, limits: DoorLimits) {
    const { requestsPerSecondMax: perSecond = 5000 } = limits;
    this.#access = access;
    this.#connectionsPerClientMax = limits.connectionsPerClientMax ?? 256;
    this.#requestCountMax = limits.requestCountMax ?? 4096;
    const burst = Math.max(1, limits.requestBurstMax ?? 2 * perSecond);
    const clientCountMax = limits.clientCountMax ?? 8192;
    this.#limiter = new RateLimiter({ perSecond, burst, clientCountMax }, () => performance.now());
  }

  /** Counts a connection that was made, or ends it at once if its client has too many. */
  enter(socket: Socket): void {
    const client = clientAddressOf(socket.remoteAddress);
    const count = (this.#connectionCounts.get(client) ?? 0) + 1;
    if (count > this.#connectionsPerClientMax) {
      socket.destroy();
      return;
    }
    this.#connectionCounts.set(client, count);
    socket.once("close", () => {
      const left = (this.#connectionCounts.get(client) ?? 1) - 1;
      if (left === 0) this.#connectionCounts.delete(client);
      else this.#connectionCounts.set(client, left);
    });
  }

  /**
   * Throws `rate_limited`, `busy`, `unauthenticated` or `forbidden` unless `request` may be served, with
   * `activeCount` in progress, itself included. Whether the node is alive and ready, everybody may ask.
   */
  check(request: IncomingMessage, activeCount: number): void {
    if (!this.#limiter.take(clientAddressOf(request.socket.remoteAddress))) {
      throw new ApiError("rate_limited", "this address makes too many requests");
    }
    const kind = resourceOf(splitTarget(request.url ?? "").path)?.kind;
    if (kind === "health" || kind === "readiness") return;
    this.#access.check(request);
    if (activeCount > this.#requestCountMax) {
      throw new ApiError("busy", `${this.#requestCountMax} requests are in progress`);
    }
  }
}
