import { cardColor, fontFamily, ink, type Look } from "./style.ts";
import { element, escapeText } from "./svg.ts";

/** A place in a chart, in pixels from its upper left corner. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** How a text is set. */
export interface TextStyle {
  /** In pixels. */
  readonly size?: number;
  readonly color?: string;
  readonly anchor?: "start" | "middle" | "end";
  readonly bold?: boolean;
  /** In degrees, clockwise, around its place. */
  readonly turn?: number;
}

/** A line of text whose baseline is at `at`. */
export function text({ x, y }: Point, content: string, style: TextStyle = {}): string {
  const { size = 12, color = ink, anchor = "start", bold = false, turn } = style;
  const attributes = {
    x,
    y,
    "font-size": size,
    fill: color,
    "text-anchor": anchor === "start" ? undefined : anchor,
    "font-weight": bold ? 600 : undefined,
    transform: turn === undefined ? undefined : `rotate(${turn} ${Math.round(x)} ${Math.round(y)})`,
  };
  return element("text", attributes, [escapeText(content)]);
}

/** About how wide a text is, in pixels, whichever font there is. */
export function textWidth(content: string, size: number): number {
  let width = 0;
  for (const letter of content) {
    if (/[ijlt.,:;'/()|I ]/.test(letter)) width += 0.36;
    else width += /[mwMW@−]/.test(letter) ? 0.88 : 0.61;
  }
  return width * size;
}

/** A straight line. */
export function line(from: Point, to: Point, color: string, dashes?: string): string {
  const ends = { x1: from.x, y1: from.y, x2: to.x, y2: to.y };
  return element("line", { ...ends, stroke: color, "stroke-dasharray": dashes });
}

/** A line through `points`, drawn as `look` says. */
export function polyline(points: readonly Point[], { color, dashes }: Look): string {
  const path = points.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  return element("polyline", {
    points: path,
    fill: "none",
    stroke: color,
    "stroke-width": 2,
    "stroke-dasharray": dashes,
    "stroke-linejoin": "round",
  });
}

/** A mark of the shape and colour of `look`; a hollow one has only its outline. */
export function mark({ x, y }: Point, look: Look, isHollow = false, radius = 5): string {
  const paint = {
    fill: isHollow ? cardColor : look.color,
    stroke: look.color,
    "stroke-width": isHollow ? 1.8 : 1,
  };
  const at = `translate(${x.toFixed(1)} ${y.toFixed(1)})`;
  const r = radius;
  switch (look.shape) {
    case "circle":
      return element("circle", { cx: x, cy: y, r, ...paint });
    case "square":
      return element("rect", { x: x - r, y: y - r, width: 2 * r, height: 2 * r, ...paint });
    case "diamond":
      return polygon([0, -r - 1, r + 1, 0, 0, r + 1, -r - 1, 0], at, paint);
    case "triangle":
      return polygon([0, -r, r, r, -r, r], at, paint);
    case "cross": {
      const [a, b] = [r, r / 3];
      const plus = [
        -b,
        -a,
        b,
        -a,
        b,
        -b,
        a,
        -b,
        a,
        b,
        b,
        b,
        b,
        a,
        -b,
        a,
        -b,
        b,
        -a,
        b,
        -a,
        -b,
        -b,
        -b,
      ];
      return polygon(plus, `${at} rotate(45)`, paint);
    }
  }
}

function polygon(
  corners: readonly number[],
  transform: string,
  paint: Readonly<Record<string, string | number>>,
): string {
  const points = corners.map((number) => Math.round(number * 10) / 10).join(" ");
  return element("polygon", { points, transform, ...paint });
}

/** Elements that share a font. */
export function inFont(children: readonly string[]): string {
  return element("g", { "font-family": fontFamily }, children);
}
