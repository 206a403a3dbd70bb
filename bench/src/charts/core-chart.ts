import { scaleLog } from "d3-scale";
import { type Figure, peerRatioOf } from "../figure.ts";
import type { Report } from "../report.ts";
import { bottomAxis } from "./axis.ts";
import { cardMargin, cardWidth, drawCard } from "./card.ts";
import { line, text } from "./marks.ts";
import { settingOf } from "./setting.ts";
import { axisColor, lookAt, quietInk } from "./style.ts";
import { element } from "./svg.ts";
import { barLegendOf, systemsOf } from "./systems.ts";

const barHeight = 13;
const groupGap = 14;
const labelWidth = 182;
/** The ticks of a ratio. */
const tickRatios = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100];

/** How many entries the product's core commits for each one of another core, in equal time. */
export function coreChart(report: Report): string | undefined {
  const figures = report.figures.filter(
    ({ group, name, unit, peers = [] }) =>
      group === "throughput" &&
      name.startsWith("core only,") &&
      unit === "entries/processor s" &&
      peers.length > 0,
  );
  if (figures.length === 0) return undefined;
  const systems = systemsOf(figures);
  const ratios = figures.flatMap((figure) =>
    (figure.peers ?? []).map((peer) => peerRatioOf(figure, peer)),
  );
  const heights = figures.map(({ peers = [] }) => peers.length * barHeight);
  const bodyHeight = heights.reduce((sum, height) => sum + height + groupGap, 0);
  const card = {
    title: "The core beside other cores: entries per second of processor time",
    subtitle:
      "Quorate's rate divided by the other's, logarithmic. Right of 1× Quorate commits more, left of it " +
      "less. One thread, memory for disks.",
    legend: barLegendOf(systems).slice(1),
    bodyHeight: bodyHeight + 40,
    report,
  };
  const x = scaleLog()
    .domain([Math.min(0.5, ...ratios) / 1.2, Math.max(2, ...ratios) * 1.45])
    .range([cardMargin + labelWidth, cardWidth - cardMargin]);
  return drawCard(card, (top) => {
    const area = {
      left: cardMargin + labelWidth,
      right: cardWidth - cardMargin,
      top,
      bottom: top + bodyHeight,
    };
    const [least = 0, most = 0] = x.domain();
    const ticks = tickRatios.filter((tick) => tick >= least && tick <= most);
    const unity = x(1);
    let y = top + groupGap / 2;
    return [
      ...bottomAxis(area, x, ticks, "ratio", (ratio) => `${ratio}×`),
      ...figures.flatMap((figure, position) => {
        const start = y;
        y += (heights[position] ?? 0) + groupGap;
        return drawGroup(figure, systems, start, x);
      }),
      line({ x: unity, y: top }, { x: unity, y: area.bottom }, axisColor),
    ];
  });
}

/** The bars of one setting, below one another. */
function drawGroup(
  figure: Figure,
  systems: readonly string[],
  top: number,
  x: (ratio: number) => number,
): string[] {
  const peers = figure.peers ?? [];
  const { voters = 0, bytes = 0, perReady = 0 } = settingOf(figure);
  const label = { x: cardMargin, y: top + (peers.length * barHeight) / 2 + 4 };
  return [
    text(label, `${voters} voters, ${bytes} B, ${perReady} per Ready`, { size: 11.5 }),
    ...peers.flatMap((peer, position) => {
      const ratio = peerRatioOf(figure, peer);
      const [from, to] = [Math.min(x(1), x(ratio)), Math.max(x(1), x(ratio))];
      const y = top + position * barHeight;
      const { color: fill } = lookAt(systems.indexOf(peer.name));
      const box = { x: from, y, width: Math.max(1, to - from), height: barHeight - 2, fill };
      const isAhead = ratio >= 1;
      const value = { x: isAhead ? to + 5 : from - 5, y: y + barHeight - 3 };
      const anchor = isAhead ? "start" : "end";
      return [
        element("rect", box, [element("title", {}, [peer.name])]),
        text(value, `${Number(ratio.toPrecision(3))}×`, { size: 10, color: quietInk, anchor }),
      ];
    }),
  ];
}
