import type { ConfState, NodeId } from "@quorate/core";

/**
 * Whether those for whom `agrees` holds are a majority of the voters, and of the outgoing ones too while
 * the configuration is joint. Not the core's own notion, which may be what is wrong.
 */
export function isMajority(confState: ConfState, agrees: (id: NodeId) => boolean): boolean {
  return (
    isMost(confState.voters, agrees) &&
    (confState.votersOutgoing.length === 0 || isMost(confState.votersOutgoing, agrees))
  );
}

function isMost(voters: readonly NodeId[], agrees: (id: NodeId) => boolean): boolean {
  return 2 * voters.filter(agrees).length > voters.length;
}
