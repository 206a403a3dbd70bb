import { type ConfState, membersOf, type NodeId, quorum } from "@quorate/core";
import type { PeerContact } from "./observations.ts";
import type { ReplicaStatus } from "./replica.ts";

/** A time of so many milliseconds, as people say it. */
export function span(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h`;
}

/** `count` of what is called `noun`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

/** The nodes `ids`, as a sentence names them. */
export function nodes(ids: readonly NodeId[]): string {
  if (ids.length === 0) return "no node";
  return `${ids.length === 1 ? "node" : "nodes"} ${ids.join(", ")}`;
}

/** What is known of the connection to `peer`. */
export function contactOf({ peers }: ReplicaStatus, peer: NodeId): PeerContact | undefined {
  return peers.find(({ id }) => id === peer);
}

/** Why nothing can be sent to a peer, and since when. */
export function lost({ forMs, lostReason }: PeerContact): string {
  const why = lostReason === undefined ? "" : `: ${lostReason}`;
  return `not connected for ${span(forMs)}${why}`;
}

/** When a peer that is connected last said anything. */
export function lastHeard({ heardAgoMs }: PeerContact): string {
  if (heardAgoMs === undefined) return "connected and never heard";
  return `connected and last heard ${span(heardAgoMs)} ago`;
}

/** The majorities of a configuration, each with what to call it: one, or two of a joint one. */
export function majoritiesOf({
  voters,
  votersOutgoing,
}: ConfState): readonly { readonly name: string; readonly voters: readonly NodeId[] }[] {
  if (votersOutgoing.length === 0) return [{ name: "voters", voters }];
  return [
    { name: "incoming voters", voters },
    { name: "outgoing voters", voters: votersOutgoing },
  ];
}

/** Who votes, in either majority. */
export function votersIn({ voters, votersOutgoing }: ConfState): readonly NodeId[] {
  return membersOf({ voters, votersOutgoing, learners: [], learnersNext: [], autoLeave: false });
}

/** How many more voters may fail while `works` says who does: negative if too few work already. */
export function spareVoters(confState: ConfState, works: (id: NodeId) => boolean): number {
  const spares = majoritiesOf(confState).map(
    ({ voters }) => voters.filter(works).length - quorum(voters.length),
  );
  return Math.min(...spares);
}
