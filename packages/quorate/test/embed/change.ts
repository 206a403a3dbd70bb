import type { Replica } from "quorate";

/** Puts node 4 into the place of node 1. */
export async function replaceFirst<Query, Answer>(
  replica: Replica<Query, Answer>,
  address: string,
): Promise<void> {
  const { index } = replica.members.list();

  const { steps } = replica.members.plan({ kind: "replace", id: 1, by: { id: 4, address } });
  for (const { catchUp, confState, faultsTolerated, warnings } of steps) {
    console.log(`once ${catchUp.join()} caught up: ${confState.voters.join()}`, faultsTolerated);
    for (const { message } of warnings) console.warn(message);
  }

  // Refused if anybody has changed anything since the look at the members.
  await replica.members.replace(1, { id: 4, address }, { ifIndex: index, timeoutMs: 300_000 });

  // Node 4 leads whenever it can.
  await replica.members.update({ id: 4, priority: 10 });
}
