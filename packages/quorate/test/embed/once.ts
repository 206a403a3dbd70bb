import { exactlyOnce, openSession, type Replica, type Session, type StateMachine } from "quorate";

/** A ledger whose commands may be repeated. Every replica is started with one. */
export function repeatable(ledger: StateMachine<string, number>): StateMachine<string, number> {
  return exactlyOnce(ledger);
}

/** Opens a session: once, for all that this process will propose. */
export function openLedgerSession(replica: Replica<string, number>): Promise<Session> {
  return openSession(replica, { timeoutMs: 30_000 });
}

/** Adds to an account, once, though the leader may be lost meanwhile. */
export async function depositOnce(
  session: Session,
  account: string,
  amount: number,
): Promise<number> {
  const { index, result } = await session.propose(Buffer.from(`${account} ${amount}`));
  if (Buffer.from(result).toString() === "refused") throw new RangeError("not enough");
  return index;
}
