/** How long a search may go on. */
export interface MinimizeOptions {
  /**
   * How many candidates are tried at most; then the smallest found so far is the answer.
   *
   * @default 20000
   */
  readonly trialCountMax?: number;
}

/**
 * The smallest part of `items`, in their order, that still `fails`: delta debugging. `items` as a whole
 * must fail. Within the limit of trials the answer is 1-minimal: without any one of its items it does
 * not fail. `fails` must give the same answer for the same candidate.
 */
export async function minimize<T>(
  items: readonly T[],
  fails: (candidate: readonly T[]) => boolean | Promise<boolean>,
  { trialCountMax = 20_000 }: MinimizeOptions = {},
): Promise<readonly T[]> {
  let kept = items;
  let trialCount = 0;
  for (let size = Math.ceil(kept.length / 2); size > 0;) {
    const lengthBefore = kept.length;
    // From the end: what happens late depends on what happened before, and seldom the other way.
    for (let end = kept.length; end > 0 && trialCount < trialCountMax; end -= size) {
      const candidate = [...kept.slice(0, Math.max(0, end - size)), ...kept.slice(end)];
      trialCount += 1;
      if (await fails(candidate)) kept = candidate;
    }
    if (trialCount >= trialCountMax) break;
    const isStuck = kept.length === lengthBefore;
    if (size === 1 && isStuck) break;
    if (isStuck || size > kept.length / 2) size = Math.max(1, Math.ceil(size / 2));
  }
  return kept;
}
