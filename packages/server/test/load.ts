import { setTimeout as delay } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { ApiError } from "../src/api-error.ts";
import { Client } from "../src/client.ts";
import { until } from "./until.ts";
import { VersionHistory } from "./version-history.ts";

const writerCount = 3;

/**
 * Clients that write and read without pause while a test breaks things: writers that use any node,
 * each alone on its key, and on every node a reader that uses that node only. They end with the test.
 */
export class Load {
  readonly #histories: { readonly key: Uint8Array; readonly history: VersionHistory }[] = [];
  readonly #current: number[] = [];
  readonly #endpoints: readonly string[];
  readonly #running: Promise<void>[];
  #stopped = false;
  #writeCount = 0;
  readonly #unknownWrites: string[] = [];
  readonly #readCounts = new Map<string, number>();

  constructor(endpoints: readonly string[]) {
    this.#endpoints = endpoints;
    this.#running = [
      ...Array.from({ length: writerCount }, (_, writer) => this.#write(writer)),
      ...endpoints.map((endpoint) => this.#read(endpoint)),
    ];
    onTestFinished(() => this.stop());
  }

  /** How many writes were acknowledged so far. */
  get writeCount(): number {
    return this.#writeCount;
  }

  /** What writes ended with of which nobody knows whether they took effect: repeating does not mend that. */
  get unknownWrites(): readonly string[] {
    return this.#unknownWrites;
  }

  /** Waits until `count` more writes are acknowledged: the cluster makes progress. */
  async progress(count: number): Promise<void> {
    const goal = this.#writeCount + count;
    await until(`${count} more writes are acknowledged`, () => this.#writeCount >= goal, 60_000);
  }

  /** Waits until the reader at `endpoint` got `count` more answers. */
  async readsAt(endpoint: string, count: number): Promise<void> {
    const reads = (): number => this.#readCounts.get(endpoint) ?? 0;
    const goal = reads() + count;
    await until(`${count} more reads at ${endpoint} are answered`, () => reads() >= goal, 60_000);
  }

  /** Ends all clients. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }

  /**
   * Reads every key ever written once more, on every node or on those of `endpoints`, and returns all
   * that could not have been.
   */
  async check(endpoints: readonly string[] = this.#endpoints): Promise<string[]> {
    for (const endpoint of endpoints) {
      const client = new Client({ endpoints: [endpoint], timeoutMs: 30_000 });
      for (const { key, history } of this.#histories) {
        const { floor } = history;
        history.endRead(floor, await readVersion(client, key), endpoint);
      }
      client.close();
    }
    return this.#histories.flatMap(({ history }) => history.violations);
  }

  async #write(writer: number): Promise<void> {
    const client = new Client({ endpoints: this.#endpoints, timeoutMs: 5_000 });
    while (!this.#stopped) {
      const at = this.#histories.length;
      const name = `writer-${writer}/${at}`;
      const history = new VersionHistory(name);
      const key = Buffer.from(name);
      this.#histories.push({ key, history });
      this.#current[writer] = at;
      while (!this.#stopped && !history.closed) {
        const version = history.beginWrite();
        try {
          await client.put(key, Buffer.from(String(version)));
          history.endWrite(version, "acknowledged");
          this.#writeCount += 1;
        } catch (error) {
          if (!(error instanceof ApiError)) throw error;
          history.endWrite(version, error.outcome);
          const { code, message, outcome } = error;
          if (outcome === "unknown") {
            this.#unknownWrites.push(`${new Date().toISOString()} ${code}: ${message}`);
          }
        }
      }
    }
    client.close();
  }

  async #read(endpoint: string): Promise<void> {
    const client = new Client({ endpoints: [endpoint], timeoutMs: 2_000 });
    for (let count = 0; !this.#stopped; count++) {
      const at = this.#current[count % writerCount];
      const target = at === undefined ? undefined : this.#histories[at];
      if (target === undefined) {
        await delay(5);
        continue;
      }
      const { floor } = target.history;
      try {
        target.history.endRead(floor, await readVersion(client, target.key), endpoint);
        this.#readCounts.set(endpoint, (this.#readCounts.get(endpoint) ?? 0) + 1);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        await delay(20);
      }
    }
    client.close();
  }
}

/** The version of `key` by a linearizable read; 0: it has no value. */
async function readVersion(client: Client, key: Uint8Array): Promise<number> {
  const { value } = await client.get(key);
  return value === undefined ? 0 : Number(Buffer.from(value).toString());
}
