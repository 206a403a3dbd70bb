import { scaleLog } from "d3-scale";
import { type Figure, short } from "../figure.ts";
import type { Report } from "../report.ts";
import { type Area, bottomAxis } from "./axis.ts";
import { cardMargin, cardWidth, drawCard } from "./card.ts";
import { line, mark, text } from "./marks.ts";
import { settingOf } from "./setting.ts";
import { floorColor, lookAt, quietInk } from "./style.ts";
import { element } from "./svg.ts";
import { legendOf, systemsOf, valueOf } from "./systems.ts";

const rowHeight = 25;
const panelGap = 30;
/** The ticks of a time in milliseconds. */
const tickMs = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500];

/** The two figures of a lone write of one size. */
interface LoneWrite {
  readonly bytes: number;
  readonly median: Figure;
  readonly p99: Figure;
}

/** How long a lone write takes in the product and in its peers, above what it must take. */
export function latencyChart(report: Report): string | undefined {
  const writes = loneWritesOf(report);
  const [first] = writes;
  if (first === undefined) return undefined;
  const systems = systemsOf(writes.map(({ median }) => median));
  const { floor } = first.median;
  const floorName = `floor: ${floor?.name ?? ""}, ${short(floor?.value ?? 0)} ms`;
  const card = {
    title: "A lone write: median and 99th percentile",
    subtitle:
      "From propose to commit with one client, three voters, data sync on. " +
      "Filled: median. Hollow: 99th percentile.",
    legend: [
      ...legendOf(systems),
      ...(floor === undefined ? [] : [{ name: floorName, look: undefined }]),
    ],
    bodyHeight: systems.length * rowHeight + 70,
    report,
  };
  const values = writes.flatMap(({ median, p99 }) =>
    systems.flatMap((system) => [valueOf(median, system)?.value, valueOf(p99, system)?.value]),
  );
  const known = [...values, floor?.value].filter((value) => value !== undefined);
  const domain = [Math.min(...known) / 1.25, Math.max(...known) * 1.3] as const;
  const width = (cardWidth - 2 * cardMargin - panelGap * (writes.length - 1)) / writes.length;
  return drawCard(card, (cardTop) =>
    writes.flatMap((write, position) => {
      const left = cardMargin + position * (width + panelGap);
      const top = cardTop + 26;
      const bottom = top + systems.length * rowHeight;
      return drawPanel({ left, right: left + width, top, bottom }, domain, write, systems);
    }),
  );
}

function loneWritesOf(report: Report): readonly LoneWrite[] {
  const figures = report.figures.filter(
    ({ group, name, peers = [] }) =>
      group === "latency" && name.startsWith("lone write") && peers.length > 0,
  );
  return figures.flatMap((median) => {
    if (!median.name.endsWith("median")) return [];
    const p99 = figures.find(
      ({ name }) => name === median.name.replace("median", "99th percentile"),
    );
    return p99 === undefined ? [] : [{ bytes: settingOf(median).bytes ?? 0, median, p99 }];
  });
}

function drawPanel(
  area: Area,
  domain: readonly [number, number],
  { bytes, median, p99 }: LoneWrite,
  systems: readonly string[],
): string[] {
  const { left, right, top, bottom } = area;
  const x = scaleLog().domain(domain).range([left, right]);
  const ticks = tickMs.filter((tick) => tick >= domain[0] && tick <= domain[1]);
  const title = { x: (left + right) / 2, y: top - 10 };
  return [
    ...bottomAxis(area, x, everySecond(ticks), "ms, logarithmic"),
    text(title, `${bytes} B`, { size: 12.5, bold: true, anchor: "middle" }),
    ...(median.floor === undefined
      ? []
      : [
          line(
            { x: x(median.floor.value), y: top },
            { x: x(median.floor.value), y: bottom },
            floorColor,
            "4 3",
          ),
        ]),
    ...systems.flatMap((system, order) => {
      const [half, most] = [valueOf(median, system)?.value, valueOf(p99, system)?.value];
      if (half === undefined || most === undefined) return [];
      const look = lookAt(order);
      const y = top + (order + 0.5) * rowHeight;
      const name = `${system}: ${short(half)} ms, 99th percentile ${short(most)} ms`;
      const bar = { x: x(half), y: y - 1, width: x(most) - x(half), height: 2, fill: look.color };
      return [
        element("g", {}, [
          element("title", {}, [name]),
          element("rect", bar),
          mark({ x: x(most), y }, look, true),
          mark({ x: x(half), y }, look),
          text({ x: x(half) - 9, y: y + 4 }, short(half), {
            size: 10,
            color: quietInk,
            anchor: "end",
          }),
        ]),
      ];
    }),
  ];
}

/** Every second tick where there are so many that their texts would touch. */
function everySecond(ticks: readonly number[]): readonly number[] {
  return ticks.length <= 8 ? ticks : ticks.filter((_, position) => position % 2 === 0);
}
