import { scaleLog } from "d3-scale";
import type { Figure } from "../figure.ts";
import type { Report } from "../report.ts";
import { type Area, bottomAxis, leftAxis, plotArea } from "./axis.ts";
import { drawCard } from "./card.ts";
import { mark, type Point, polyline } from "./marks.ts";
import { settingOf } from "./setting.ts";
import { floorColor, lookAt } from "./style.ts";

const plotHeight = 290;

/** One line of the chart. */
interface Course {
  readonly name: string;
  readonly figures: readonly Figure[];
}

/** What an entry costs in frames, system calls and syncs, the more clients there are. */
export function loadChart(report: Report): string | undefined {
  const courses = [
    { name: "frames of the whole group", begin: "frames of the group," },
    { name: "read and write calls of the leader", begin: "read and write calls of the leader," },
    { name: "data syncs of the leader", begin: "data syncs of the leader," },
  ].flatMap(({ name, begin }): Course[] => {
    const figures = report.figures.filter(
      (figure) => figure.group === "counts" && figure.name.startsWith(begin),
    );
    return figures.length === 0 ? [] : [{ name, figures }];
  });
  const [first] = courses;
  if (first === undefined) return undefined;
  const card = {
    title: "Messages, calls and syncs per committed entry, by load",
    subtitle:
      "Three voters, 16 B, each client waits for its answer. What clients share, each pays a part of. " +
      "Both axes are logarithmic.",
    legend: [
      ...courses.map(({ name }, position) => ({ name, look: lookAt(position) })),
      { name: "floor of the frames: 2(n−1) for all clients", look: undefined },
    ],
    bodyHeight: plotHeight + 62,
    report,
  };
  return drawCard(card, (cardTop) =>
    drawPlot(plotArea(cardTop, plotHeight, 20), courses, first.figures),
  );
}

function drawPlot(area: Area, courses: readonly Course[], frames: readonly Figure[]): string[] {
  const clients = frames.map(clientsOf);
  const values = courses.flatMap(({ figures }) => figures.map(({ value }) => value));
  const x = scaleLog()
    .domain([Math.min(...clients), Math.max(...clients)])
    .range([area.left + 16, area.right]);
  const y = scaleLog()
    .domain([Math.min(...values) / 2, Math.max(...values) * 1.3])
    .range([area.bottom, area.top]);
  const powers = y.ticks().filter((tick) => Number.isInteger(Math.log10(tick)));
  const place = (figure: Figure, value: number): Point => {
    return { x: x(clientsOf(figure)), y: y(value) };
  };
  const floors = frames.flatMap((figure) =>
    figure.floor === undefined ? [] : [place(figure, figure.floor.value)],
  );
  return [
    ...leftAxis(area, y, powers, "per entry", String),
    ...bottomAxis(area, x, clients, "clients", String),
    ...courses.flatMap(({ figures }, position) => {
      const look = lookAt(position);
      const points = figures.map((figure) => place(figure, figure.value));
      return [polyline(points, look), ...points.map((point) => mark(point, look))];
    }),
    polyline(floors, { color: floorColor, shape: "circle", dashes: "4 3" }),
  ];
}

function clientsOf(figure: Figure): number {
  return settingOf(figure).clients ?? 1;
}
