import type { Figure, PeerValue } from "../figure.ts";
import { Samples } from "../samples.ts";

/** What came of measuring beside peers. */
export interface PeerFigures {
  readonly figures: readonly Figure[];
  readonly missing: readonly MissingPeer[];
}

/** A peer that was not measured, or not in every round, and why. */
export interface MissingPeer {
  readonly name: string;
  readonly reason: string;
}

/** A system, and what was sampled of it in one setting. */
export interface Sampled<S> {
  readonly name: string;
  readonly samples: readonly S[];
}

/** The product's figure, beside those of the peers of which there are samples. */
export function figureBeside<S>(
  what: Pick<Figure, "group" | "name" | "unit" | "better">,
  valueOf: (sample: S) => number,
  product: Sampled<S>,
  peers: readonly Sampled<S>[],
): Figure {
  const reached = ({ name, samples }: Sampled<S>): PeerValue[] => {
    const { count, median, min, max } = new Samples(samples.map(valueOf));
    return count === 0 ? [] : [{ name, value: median, spread: [min, max] }];
  };
  const [own] = reached(product);
  if (own === undefined) throw new Error("the product was not measured");
  return { ...own, ...what, peers: peers.flatMap(reached) };
}

/** The reason that an error gives, on one line. */
export function reasonOf(error: unknown): string {
  const said = error instanceof Error ? error.message : String(error);
  return said.trim().replaceAll("\n", ": ");
}
