import { scaleBand, scaleLinear } from "d3-scale";
import { type Figure, short } from "../figure.ts";
import type { Report } from "../report.ts";
import { type Area, leftAxis } from "./axis.ts";
import { cardMargin, cardWidth, drawCard } from "./card.ts";
import { line, text } from "./marks.ts";
import { settingOf } from "./setting.ts";
import { axisColor, ink, lookAt, quietInk } from "./style.ts";
import { element } from "./svg.ts";
import { barLegendOf, systemsOf, valueOf } from "./systems.ts";

const panelHeight = 250;
const axisWidth = 46;
const panelGap = 16;

/** What many clients write through the product and through its peers: a panel for each size. */
export function throughputChart(report: Report): string | undefined {
  const figures = report.figures.filter(
    ({ group, name, unit, peers = [] }) =>
      group === "throughput" &&
      name.startsWith("whole,") &&
      unit === "entries/s" &&
      peers.length > 0,
  );
  if (figures.length === 0) return undefined;
  const systems = systemsOf(figures);
  const sizes = [...new Set(figures.map((figure) => settingOf(figure).bytes ?? 0))];
  const card = {
    title: "Committed entries per second, by clients and size",
    subtitle:
      "Three processes on one machine, data sync on, clients that wait for each answer. " +
      "Medians; the thin line is the range of the rounds.",
    legend: barLegendOf(systems),
    bodyHeight: panelHeight + 74,
    report,
  };
  const width = (cardWidth - 2 * cardMargin - panelGap * (sizes.length - 1)) / sizes.length;
  return drawCard(card, (cardTop) =>
    sizes.flatMap((bytes, position) => {
      const left = cardMargin + position * (width + panelGap);
      const top = cardTop + 34;
      const area = { left: left + axisWidth, right: left + width, top, bottom: top + panelHeight };
      const own = figures.filter((figure) => settingOf(figure).bytes === bytes);
      return drawPanel(area, own, systems, `${bytes} B`);
    }),
  );
}

function drawPanel(
  area: Area,
  figures: readonly Figure[],
  systems: readonly string[],
  title: string,
): string[] {
  const { left, right, top, bottom } = area;
  const clients = figures.map((figure) => settingOf(figure).clients ?? 0);
  const most = Math.max(
    ...figures.flatMap((figure) =>
      systems.map((system) => {
        const { value, spread } = valueOf(figure, system) ?? { value: 0 };
        return spread?.[1] ?? value;
      }),
    ),
  );
  const y = scaleLinear().domain([0, most]).nice(5).range([bottom, top]);
  const groups = scaleBand<number>().domain(clients).range([left, right]).paddingInner(0.18);
  const bars = scaleBand().domain(systems).range([0, groups.bandwidth()]).padding(0.12);
  const middle = (left + right) / 2;
  return [
    ...leftAxis(area, y, y.ticks(5), "entries/s", inThousands),
    text({ x: middle, y: top - 12 }, title, { size: 12.5, bold: true, anchor: "middle" }),
    ...figures.flatMap((figure, position) => {
      const start = groups(clients[position] ?? 0) ?? left;
      const label = { x: start + groups.bandwidth() / 2, y: bottom + 16 };
      return [
        ...systems.flatMap((system, order) => {
          const reached = valueOf(figure, system);
          if (reached === undefined) return [];
          const x = start + (bars(system) ?? 0);
          const height = bottom - y(reached.value);
          const name = `${system}: ${short(reached.value)} entries/s`;
          const { color: fill } = lookAt(order);
          const box = { x, y: y(reached.value), width: bars.bandwidth(), height, fill };
          return [
            element("rect", box, [element("title", {}, [name])]),
            ...whisker(x + bars.bandwidth() / 2, reached.spread, y),
          ];
        }),
        text(label, short(clients[position] ?? 0), { size: 11, color: quietInk, anchor: "middle" }),
      ];
    }),
    line({ x: left, y: bottom }, { x: right, y: bottom }, axisColor),
    text({ x: middle, y: bottom + 34 }, "clients", {
      size: 11.5,
      color: quietInk,
      anchor: "middle",
    }),
  ];
}

/** A round number of a scale. */
function inThousands(value: number): string {
  return value === 0 ? "0" : `${value / 1000}k`;
}

/** The range of the rounds. */
function whisker(
  x: number,
  spread: readonly [number, number] | undefined,
  y: (value: number) => number,
): string[] {
  return spread === undefined ? [] : [line({ x, y: y(spread[0]) }, { x, y: y(spread[1]) }, ink)];
}
