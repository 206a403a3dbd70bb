import { scaleLinear } from "d3-scale";
import type { Report } from "../report.ts";
import { bottomAxis, leftAxis, plotArea } from "./axis.ts";
import { drawCard } from "./card.ts";
import { line, mark, polyline } from "./marks.ts";
import { settingOf } from "./setting.ts";
import { floorColor, lookAt } from "./style.ts";

const plotHeight = 290;
/** The longest time that is shown, in election timeouts: the few elections beyond are told, not drawn. */
const longestShown = 3.5;

/** How long elections take: the share that is over after a time. */
export function electionChart(report: Report): string | undefined {
  const figures = report.figures.filter(
    ({ name, quantiles = [] }) => name.includes("simulated") && quantiles.length > 1,
  );
  if (figures.length === 0) return undefined;
  const longest = Math.max(...figures.flatMap(({ quantiles = [] }) => quantiles));
  const end = Math.min(longestShown, Math.ceil(2 * longest) / 2);
  const [, count = "?"] = /(\d+) elections/.exec(figures[0]?.name ?? "") ?? [];
  const card = {
    title: "From the leader's death to the first commit of the next leader",
    subtitle:
      `Share of ${count} simulated elections that are over, in election timeouts T; a message takes T/100. ` +
      `The longest took ${longest.toFixed(1)} T.`,
    legend: [
      ...figures.map((figure, position) => ({
        name: `${settingOf(figure).voters ?? "?"} voters`,
        look: lookAt(position),
      })),
      { name: "1 T, the least timeout of a follower", look: undefined },
    ],
    bodyHeight: plotHeight + 62,
    report,
  };
  return drawCard(card, (cardTop) => {
    const area = plotArea(cardTop, plotHeight, 6);
    const x = scaleLinear().domain([0.75, end]).range([area.left, area.right]);
    const y = scaleLinear().domain([0, 100]).range([area.bottom, area.top]);
    return [
      ...leftAxis(
        area,
        y,
        [0, 25, 50, 75, 100],
        "elections that are over",
        (share) => `${share} %`,
      ),
      ...bottomAxis(area, x, x.ticks(10), "T"),
      line({ x: x(1), y: area.top }, { x: x(1), y: area.bottom }, floorColor, "4 3"),
      ...figures.flatMap(({ quantiles = [] }, position) => {
        const look = lookAt(position);
        const points = quantiles
          .map((value, offset) => ({ value, share: (100 * offset) / (quantiles.length - 1) }))
          .filter(({ value }) => value <= end)
          .map(({ value, share }) => ({ x: x(value), y: y(share) }));
        const marked = points.filter((_, offset) => offset % 25 === 0 && offset > 0);
        return [polyline(points, look), ...marked.map((point) => mark(point, look, false, 4))];
      }),
    ];
  });
}
