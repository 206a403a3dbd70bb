import type { Report } from "../report.ts";
import { inFont, line, mark, type Point, text, textWidth } from "./marks.ts";
import { cardBorder, cardColor, floorColor, type Look, quietInk } from "./style.ts";
import { element } from "./svg.ts";

/** One line of a legend; without a look it is the floor. */
export interface LegendItem {
  readonly name: string;
  readonly look: Look | undefined;
}

/** All of a chart but what is drawn in it. */
export interface Card {
  readonly title: string;
  readonly subtitle: string;
  readonly legend: readonly LegendItem[];
  /** The height of what is drawn in it, in pixels. */
  readonly bodyHeight: number;
  /** Where the figures come from. */
  readonly report: Report;
}

/** The width of every chart, in pixels. */
export const cardWidth = 860;
/** What is left free on either side, in pixels. */
export const cardMargin = 24;
const legendTop = 76;
const legendRowHeight = 20;
const legendSize = 12;
/** What the key of an item takes, in pixels. */
const keyWidth = 18;

/** An SVG file: `card` around what `draw` makes, whose upper edge is handed to it. */
export function drawCard(card: Card, draw: (top: number) => readonly string[]): string {
  const places = placeLegend(card.legend);
  const bodyTop = (places.at(-1)?.y ?? legendTop) + 22;
  const height = bodyTop + card.bodyHeight + 34;
  const frame = element("rect", {
    x: 0.5,
    y: 0.5,
    width: cardWidth - 1,
    height: height - 1,
    rx: 6,
    fill: cardColor,
    stroke: cardBorder,
  });
  const size = { width: cardWidth, height, viewBox: `0 0 ${cardWidth} ${height}` };
  const head = {
    xmlns: "http://www.w3.org/2000/svg",
    ...size,
    role: "img",
    "aria-label": card.title,
  };
  const x = cardMargin;
  const content = [
    frame,
    inFont([
      text({ x, y: 32 }, card.title, { size: 17, bold: true }),
      text({ x, y: 52 }, card.subtitle, { color: quietInk }),
      ...card.legend.flatMap((item, position) => drawItem(places[position] ?? { x, y: 0 }, item)),
      ...draw(bodyTop),
      text({ x, y: height - 14 }, sourceOf(card.report), { size: 10.5, color: quietInk }),
    ]),
  ];
  return `${element("svg", head, content)}\n`;
}

/** Where each item of a legend stands: as many in a row as fit. */
function placeLegend(items: readonly LegendItem[]): readonly Point[] {
  let at = { x: cardMargin, y: legendTop };
  return items.map(({ name }) => {
    const width = keyWidth + textWidth(name, legendSize);
    if (at.x > cardMargin && at.x + width > cardWidth - cardMargin) {
      at = { x: cardMargin, y: at.y + legendRowHeight };
    }
    const place = at;
    at = { ...at, x: at.x + width + 18 };
    return place;
  });
}

function drawItem({ x, y }: Point, { name, look }: LegendItem): readonly string[] {
  return [drawKey({ x, y: y - 4 }, look), text({ x: x + keyWidth, y }, name, { size: legendSize })];
}

function drawKey({ x, y }: Point, look: Look | undefined): string {
  if (look !== undefined) return mark({ x: x + 6, y }, look);
  return line({ x, y }, { x: x + 13, y }, floorColor, "4 3");
}

function sourceOf({ machine, effort }: Report): string {
  const { processor = "unknown processor", cores, node } = machine;
  const where = `${processor}, ${cores} cores, Node.js ${node}`;
  const how = effort === "quick" ? ", a quick run" : "";
  return `${where}${how}. npm run bench -- --charts, see docs/performance.md`;
}
