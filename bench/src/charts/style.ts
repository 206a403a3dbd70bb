/** What a chart looks like. Everything stands on a white card, so that a dark page changes nothing. */

export const ink = "#1f2328";
export const quietInk = "#59636e";
export const gridColor = "#e4e8ec";
export const axisColor = "#9aa4af";
export const cardColor = "#ffffff";
export const cardBorder = "#d0d7de";
export const floorColor = "#59636e";
export const fontFamily = "-apple-system,'Segoe UI',Helvetica,Arial,sans-serif";

/** The shape of a mark: what tells two colours apart for whom they are alike. */
export type Shape = "circle" | "square" | "diamond" | "triangle" | "cross";

/** How one of several things is told from the others. */
export interface Look {
  readonly color: string;
  readonly shape: Shape;
  /** The dashes of a line, as in `stroke-dasharray`; undefined for a whole one. */
  readonly dashes: string | undefined;
}

/** The colours of Okabe and Ito, which those who are colour-blind can tell apart. */
const looks: readonly Look[] = [
  { color: "#0072b2", shape: "circle", dashes: undefined },
  { color: "#e69f00", shape: "square", dashes: "7 3" },
  { color: "#009e73", shape: "diamond", dashes: "2 3" },
  { color: "#cc79a7", shape: "triangle", dashes: "9 3 2 3" },
  { color: "#56b4e9", shape: "cross", dashes: "4 2" },
  { color: "#d55e00", shape: "square", dashes: "1 2" },
];

/** The look of the thing at `position`, from 0; the product is always the first. */
export function lookAt(position: number): Look {
  const look = looks[position % looks.length];
  if (look === undefined) throw new RangeError(`there is no look at position ${position}`);
  return look;
}
