import { RaftError, type Replica } from "quorate";

/** Adds to an account. Resolves with a token: a read with it, anywhere, sees this. */
export async function deposit(
  replica: Replica<string, number>,
  account: string,
  amount: number,
): Promise<number> {
  for (;;) {
    try {
      const { index, result } = await replica.propose(Buffer.from(`${account} ${amount}`));
      if (Buffer.from(result).toString() === "refused") throw new RangeError("not enough");
      return index;
    } catch (error) {
      // "unknown" must not be tried again here: the deposit may have been made, or may yet be.
      const mayRetry = error instanceof RaftError && error.outcome === "not-applied";
      if (!mayRetry || error.code === "closed") throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Five ways to look at one account, from the strictest to the cheapest. */
export async function look(
  replica: Replica<string, number>,
  account: string,
  token: number,
): Promise<number[]> {
  const reads = [
    // Sees every write acknowledged before it began. One round trip to a majority.
    await replica.read(account),
    // The same, without asking anyone while the leader's clock says that nobody else can lead.
    await replica.read(account, { consistency: "lease" }),
    // Whatever this replica has applied, but at least the write that had this token.
    await replica.read(account, { consistency: "local", atLeast: token }),
    // Whatever was the case at some time in the last second.
    await replica.read(account, { consistency: "local", stalenessMsMax: 1000 }),
    // Whatever this replica has applied, however old. Works without a majority.
    await replica.read(account, { consistency: "local" }),
  ];
  return reads.map(({ answer }) => answer);
}
