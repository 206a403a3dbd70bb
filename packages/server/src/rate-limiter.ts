/** What a `RateLimiter` allows. */
export interface RateLimits {
  /** How many requests per second a client may make in the long run; 0: as many as it likes. */
  readonly perSecond: number;
  /** How many it may make at once after a pause. At least 1. */
  readonly burst: number;
  /** How many clients are told apart. At least 1. */
  readonly clientCountMax: number;
}

/** What a client has left, and when that was so. */
interface Bucket {
  tokens: number;
  atMs: number;
}

/**
 * Bounds the requests of each client by a token bucket. The table of clients is bounded too: one more
 * forgets the one that has been quiet for longest, which may begin anew with a full bucket.
 */
export class RateLimiter {
  readonly #limits: RateLimits;
  readonly #now: () => number;
  /** The clients, the one that was quiet for longest first. */
  readonly #buckets = new Map<string, Bucket>();

  /** `now` tells the time in milliseconds, from any beginning. */
  constructor(limits: RateLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  /** How many clients are remembered. At most `clientCountMax`. */
  get clientCount(): number {
    return this.#buckets.size;
  }

  /** Whether `client` may make one more request now; it then has one less. */
  take(client: string): boolean {
    const { perSecond, burst, clientCountMax } = this.#limits;
    if (perSecond === 0) return true;
    const nowMs = this.#now();
    const bucket = this.#buckets.get(client) ?? { tokens: burst, atMs: nowMs };
    const gained = ((nowMs - bucket.atMs) * perSecond) / 1000;
    bucket.tokens = Math.min(burst, bucket.tokens + Math.max(0, gained));
    bucket.atMs = nowMs;
    this.#buckets.delete(client);
    this.#buckets.set(client, bucket);
    const [quietest = client] = this.#buckets.keys();
    if (this.#buckets.size > clientCountMax) this.#buckets.delete(quietest);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}
