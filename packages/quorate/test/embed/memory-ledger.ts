import type { Entry, MemorySnapshots, StateMachine } from "quorate";

/** As before, and it can be saved. */
export class MemoryLedger implements StateMachine<string, number> {
  #balances = new Map<string, number>();

  readonly snapshots: MemorySnapshots = {
    kind: "memory",
    save: () => {
      // The copy is made now, between two commands; the lines later, while others are applied.
      const copy = [...this.#balances];
      return linesOf(copy);
    },
    restore: async (chunks) => {
      const parts: Uint8Array[] = [];
      for await (const chunk of chunks) parts.push(chunk);
      const lines = Buffer.concat(parts).toString().split("\n");
      this.#balances = new Map(
        lines.slice(0, -1).map((line) => {
          const [account = "", balance] = line.split(" ");
          return [account, Number(balance)];
        }),
      );
    },
  };

  apply(entries: readonly Entry[]): Uint8Array[] {
    return entries.map((entry) => {
      const [account = "", text] = Buffer.from(entry.data).toString().split(" ");
      const balance = (this.#balances.get(account) ?? 0) + Number(text);
      if (!Number.isSafeInteger(balance) || balance < 0) return Buffer.from("refused");
      this.#balances.set(account, balance);
      return Buffer.from(String(balance));
    });
  }

  query(account: string): number {
    return this.#balances.get(account) ?? 0;
  }
}

function* linesOf(balances: Iterable<readonly [string, number]>): Generator<Uint8Array> {
  for (const [account, balance] of balances) yield Buffer.from(`${account} ${balance}\n`);
}
