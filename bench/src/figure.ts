/** One measured figure, beside its floor from the same run. */
export interface Figure {
  /** Which of the five figures it belongs to; or that it is counted, or how it keeps as work goes on. */
  readonly group:
    | "elections"
    | "latency"
    | "throughput"
    | "catch-up"
    | "messages"
    | "counts"
    | "growth";
  /** What was measured, and in which setting. */
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The lowest and the highest of the rounds, where there were several. */
  readonly spread?: readonly [number, number];
  /** How the values are distributed: the quantiles from 0 to 100 %, in equal steps. */
  readonly quantiles?: readonly number[];
  /** What the machine, the paper or arithmetic would allow at best. */
  readonly floor?: Floor;
  /** What other systems made of the same work in the same run. */
  readonly peers?: readonly PeerValue[];
  /** Whether more is better; a ratio of 1 is the floor either way. */
  readonly better: "less" | "more";
}

/** The best that a figure could be, in the same unit. */
export interface Floor {
  readonly name: string;
  readonly value: number;
}

/** The figure of another system, in the same unit. */
export interface PeerValue {
  readonly name: string;
  readonly value: number;
  /** The lowest and the highest of the rounds. */
  readonly spread?: readonly [number, number];
}

/** How far a figure is from its floor: 1 is the floor itself, 2 is twice as bad. */
export function ratioOf(figure: Figure): number | undefined {
  if (figure.floor === undefined) return undefined;
  const { value, floor, better } = figure;
  return better === "less" ? value / floor.value : floor.value / value;
}

/** How many times as good as a peer the product is: above 1 it is ahead, whichever way is better. */
export function peerRatioOf(figure: Figure, peer: PeerValue): number {
  return figure.better === "less" ? peer.value / figure.value : figure.value / peer.value;
}

/** Figures as a table for people. */
export function formatFigures(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => {
    const { floor, spread, unit } = figure;
    const ratio = ratioOf(figure);
    return [
      figure.group,
      figure.name,
      `${short(figure.value)} ${unit}`,
      rangeOf(spread),
      floor === undefined ? "" : `${short(floor.value)} ${unit} (${floor.name})`,
      ratio === undefined ? "" : `${ratio.toFixed(2)}×`,
    ];
  });
  return formatTable(["figure", "setting", "median", "range", "floor", "to floor"], rows);
}

/** The figures that have peers as a table for people, a row for each peer: the ratio first. */
export function formatPeers(figures: readonly Figure[]): string {
  const rows = figures.flatMap((figure) =>
    (figure.peers ?? []).map((peer) => [
      `${peerRatioOf(figure, peer).toPrecision(3)}×`,
      peer.name,
      figure.name,
      `${short(figure.value)} ${figure.unit}`,
      rangeOf(figure.spread),
      `${short(peer.value)} ${figure.unit}`,
      rangeOf(peer.spread),
    ]),
  );
  const head = ["ratio", "to", "setting", "Quorate, median", "range", "peer, median", "range"];
  return formatTable(head, rows);
}

function rangeOf(spread: readonly [number, number] | undefined): string {
  return spread === undefined ? "" : `${short(spread[0])}–${short(spread[1])}`;
}

/** `rows` below `head`, in columns that are as wide as they must be. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

/** A number with three significant digits, and thousands as k and M. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (value >= 1e6) return `${(value / 1e6).toPrecision(3)}M`;
  if (value >= 1e4) return `${(value / 1e3).toPrecision(3)}k`;
  return value >= 1000 ? value.toFixed(0) : `${Number(value.toPrecision(3))}`;
}
