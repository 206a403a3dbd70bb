import { type ConfState, type NodeId, voteResult, votersOf } from "@quorate/core";

/**
 * Of the members whose digests of the same state are known, those that have another than a majority of
 * the voters has: of both majorities, while the configuration is joint. None as long as no majority is
 * known to agree, since then nobody can say who is right.
 */
export function differing(
  confState: ConfState,
  digests: ReadonlyMap<NodeId, string>,
): readonly NodeId[] {
  if (confState.voters.length === 0) return [];
  const voters = votersOf(confState);
  for (const agreed of new Set(digests.values())) {
    const hasAgreed = (id: NodeId): boolean | undefined => {
      const digest = digests.get(id);
      return digest === undefined ? undefined : digest === agreed;
    };
    if (voteResult(voters, hasAgreed) !== "won") continue;
    return [...digests].filter(([, digest]) => digest !== agreed).map(([id]) => id);
  }
  return [];
}
