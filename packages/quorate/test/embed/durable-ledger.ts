import { existsSync } from "node:fs";
import { open, readFile, rename } from "node:fs/promises";
import type { DurableSnapshots, Entry, StateMachine } from "quorate";

/** The whole of what is durable: what one transaction of a database would write. */
interface Saved {
  readonly index: number;
  readonly balances: Readonly<Record<string, number>>;
}

/** Keeps its state in a file of its own, together with the index of the last command that is in it. */
export class DurableLedger implements StateMachine<string, number> {
  readonly #path: string;
  #saved: Saved;

  constructor(path: string, saved: Saved) {
    this.#path = path;
    this.#saved = saved;
  }

  static async open(path: string): Promise<DurableLedger> {
    if (!existsSync(path)) return new DurableLedger(path, { index: 0, balances: {} });
    return new DurableLedger(path, JSON.parse(await readFile(path, "utf8")) as Saved);
  }

  readonly snapshots: DurableSnapshots = {
    kind: "durable",
    // Commands after this one are applied again at the next start; those up to it never are.
    appliedIndex: async () => this.#saved.index,
    pin: async () => {
      // Never changed, only replaced: to hold it is enough. A database would begin a read transaction.
      const { balances } = this.#saved;
      return {
        async *chunks() {
          yield Buffer.from(JSON.stringify(balances));
        },
        release: async () => {},
      };
    },
    restore: async (chunks, index) => {
      const parts: Uint8Array[] = [];
      for await (const chunk of chunks) parts.push(chunk);
      const balances = JSON.parse(Buffer.concat(parts).toString()) as Saved["balances"];
      await this.#save({ index, balances });
    },
  };

  async apply(entries: readonly Entry[]): Promise<Uint8Array[]> {
    let { index, balances } = this.#saved;
    const results = entries.map((entry) => {
      const [account = "", text] = Buffer.from(entry.data).toString().split(" ");
      const balance = (balances[account] ?? 0) + Number(text);
      index = entry.index;
      if (!Number.isSafeInteger(balance) || balance < 0) return Buffer.from("refused");
      balances = { ...balances, [account]: balance };
      return Buffer.from(String(balance));
    });
    // State and index at once: a crash must not leave one without the other.
    await this.#save({ index, balances });
    return results;
  }

  query(account: string): number {
    return this.#saved.balances[account] ?? 0;
  }

  async #save(saved: Saved): Promise<void> {
    const file = await open(`${this.#path}.new`, "w");
    await file.writeFile(JSON.stringify(saved));
    await file.sync();
    await file.close();
    await rename(`${this.#path}.new`, this.#path);
    this.#saved = saved;
  }
}
