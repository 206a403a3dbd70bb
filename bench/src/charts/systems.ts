import type { Figure, PeerValue } from "../figure.ts";
import type { LegendItem } from "./card.ts";
import { lookAt } from "./style.ts";

/** What the product is called in a chart. */
export const productName = "Quorate";

/** The product and its peers in `figures`, in the order in which they are drawn. */
export function systemsOf(figures: readonly Figure[]): readonly string[] {
  // The order of the figure with the most: one that lacks a peer says nothing of its place.
  const fullest = [...figures].sort((a, b) => (b.peers?.length ?? 0) - (a.peers?.length ?? 0));
  const peers = fullest.flatMap((figure) => (figure.peers ?? []).map(({ name }) => name));
  return [...new Set([productName, ...peers])];
}

/** What `system` reached in `figure`, if it was measured. */
export function valueOf(figure: Figure, system: string): PeerValue | undefined {
  if (system !== productName) return figure.peers?.find(({ name }) => name === system);
  const { value, spread } = figure;
  return { name: system, value, ...(spread === undefined ? {} : { spread }) };
}

/** A legend of `systems`. */
export function legendOf(systems: readonly string[]): LegendItem[] {
  return systems.map((name, position) => ({ name, look: lookAt(position) }));
}

/** A legend of `systems` that are drawn as bars, which have no shape but their own. */
export function barLegendOf(systems: readonly string[]): LegendItem[] {
  return systems.map((name, position) => ({
    name,
    look: { ...lookAt(position), shape: "square" },
  }));
}
