import type { Model } from "./model.ts";
import type { Partition } from "./partition.ts";

/** A change, and when its value must be there, as far as anyone was told. */
interface Zone {
  readonly number: number;
  /** When the change was called. */
  readonly order: number;
  /** The first end of the change and of the reads of its value: by then it took effect. */
  firstEnd: number;
  /** The last call of these: until then its value stayed. */
  lastCall: number;
}

/** In which order the changes of a part are best tried. */
export interface Ranking {
  /** The rank of each, completed ones first and then those of unknown outcome, as the part lists them. */
  readonly ranks: Int32Array;
  /** From this rank on they are of unknown outcome and nothing shows that they took effect. */
  readonly unshownFrom: number;
}

/**
 * In which order the changes of a part are best tried. Only a good guess: any order is right.
 *
 * Where every change leaves a value of its own, it is no guess. A value is needed from the first end
 * to the last call of those who had to do with it (Gibbons and Korach call it a zone); sorted by the
 * later of the two, the changes of a linearizable history are in an order that explains it.
 */
export function rankChanges<State, Input, Output>(
  model: Model<State, Input, Output>,
  part: Partition<Input, Output>,
): Ranking {
  const zones: Zone[] = [
    ...part.completed.map(({ operation: { order }, endOrder }, offset) => {
      return { number: offset, order, firstEnd: endOrder, lastCall: order };
    }),
    ...part.unknown.map(({ order }, offset) => {
      const number = part.completed.length + offset;
      return { number, order, firstEnd: Infinity, lastCall: order };
    }),
  ];
  widen(model, part, zones);
  const key = ({ firstEnd, lastCall }: Zone): number => Math.max(firstEnd, lastCall);
  const ranks = new Int32Array(zones.length);
  const sorted = zones.toSorted((a, b) => compare(key(a), key(b)) || a.order - b.order);
  for (const [rank, { number }] of sorted.entries()) ranks[number] = rank;
  const isShown = (zone: Zone): boolean => key(zone) < Infinity;
  return { ranks, unshownFrom: sorted.filter(isShown).length };
}

/** Counts each read to the last change, among those called before it ended, that left what it shows. */
function widen<State, Input, Output>(
  model: Model<State, Input, Output>,
  part: Partition<Input, Output>,
  zones: readonly Zone[],
): void {
  const linkOf = model.linkOf?.bind(model);
  if (linkOf === undefined) return;
  const isRead = (input: Input, output: Output | undefined): boolean =>
    model.isReadOnly?.(input, output) === true;
  const changes = new Map<string | number, Zone[]>();
  for (const zone of zones.toSorted((a, b) => a.order - b.order)) {
    const completed = part.completed[zone.number];
    const operation = completed?.operation ?? part.unknown[zone.number - part.completed.length];
    if (operation === undefined || isRead(operation.input, completed?.output)) continue;
    const link = linkOf(operation.input, completed?.output);
    if (link === undefined) continue;
    const same = changes.get(link);
    if (same === undefined) changes.set(link, [zone]);
    else same.push(zone);
  }
  for (const { operation, output, endOrder } of part.completed) {
    if (!isRead(operation.input, output)) continue;
    const link = linkOf(operation.input, output);
    const zone = link === undefined ? undefined : lastBefore(changes.get(link) ?? [], endOrder);
    if (zone === undefined) continue;
    zone.firstEnd = Math.min(zone.firstEnd, endOrder);
    zone.lastCall = Math.max(zone.lastCall, operation.order);
  }
}

/** The last of `zones`, which are in the order of their calls, that was called before `order`. */
function lastBefore(zones: readonly Zone[], order: number): Zone | undefined {
  let low = 0;
  let high = zones.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((zones[middle]?.order ?? Infinity) < order) low = middle + 1;
    else high = middle;
  }
  return zones[low - 1];
}

function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
