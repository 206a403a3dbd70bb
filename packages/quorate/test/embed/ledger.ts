import type { Entry, StateMachine } from "quorate";

/**
 * Accounts, and what is in them. A command is text: an account and an amount, `alice -5`. Its result is
 * text, too: the new balance, or `refused`. A query names an account.
 */
export class Ledger implements StateMachine<string, number> {
  readonly #balances = new Map<string, number>();

  apply(entries: readonly Entry[]): Uint8Array[] {
    return entries.map((entry) => {
      const [account = "", text] = Buffer.from(entry.data).toString().split(" ");
      const balance = (this.#balances.get(account) ?? 0) + Number(text);
      // Never throw: what one replica cannot carry out, no other can. The result says so.
      if (!Number.isSafeInteger(balance) || balance < 0) return Buffer.from("refused");
      this.#balances.set(account, balance);
      return Buffer.from(String(balance));
    });
  }

  query(account: string): number {
    return this.#balances.get(account) ?? 0;
  }
}
