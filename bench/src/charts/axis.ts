import { short } from "../figure.ts";
import { cardMargin, cardWidth } from "./card.ts";
import { line, text } from "./marks.ts";
import { axisColor, gridColor, quietInk } from "./style.ts";

/** A part of a chart with axes of its own, in pixels. */
export interface Area {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** A scale whose values are numbers, from `d3-scale`. */
export interface NumberScale {
  (value: number): number;
}

/** The area of one plot in a card that is free from `cardTop` on, with room for the axis at its left. */
export function plotArea(cardTop: number, height: number, insetRight: number): Area {
  const top = cardTop + 24;
  const right = cardWidth - cardMargin - insetRight;
  return { left: cardMargin + 46, right, top, bottom: top + height };
}

/** The axis at the bottom of `area`: a line of the grid and a text for each tick. */
export function bottomAxis(
  area: Area,
  scale: NumberScale,
  ticks: readonly number[],
  label: string,
  write: (value: number) => string = short,
): string[] {
  const { left, right, top, bottom } = area;
  return [
    ...ticks.map((tick) => {
      const x = scale(tick);
      return line({ x, y: top }, { x, y: bottom }, gridColor);
    }),
    line({ x: left, y: bottom }, { x: right, y: bottom }, axisColor),
    ...ticks.map((tick) => {
      const at = { x: scale(tick), y: bottom + 15 };
      return text(at, write(tick), { size: 11, color: quietInk, anchor: "middle" });
    }),
    text({ x: (left + right) / 2, y: bottom + 32 }, label, {
      size: 11.5,
      color: quietInk,
      anchor: "middle",
    }),
  ];
}

/** The axis at the left of `area`. Its label stands above it, where it can be read. */
export function leftAxis(
  area: Area,
  scale: NumberScale,
  ticks: readonly number[],
  label: string,
  write: (value: number) => string = short,
): string[] {
  const { left, right, top } = area;
  return [
    ...ticks.flatMap((tick) => {
      const y = scale(tick);
      const style = { size: 11, color: quietInk, anchor: "end" } as const;
      return [
        line({ x: left, y }, { x: right, y }, gridColor),
        text({ x: left - 7, y: y + 4 }, write(tick), style),
      ];
    }),
    text({ x: left - 7, y: top - 12 }, label, { size: 11.5, color: quietInk }),
  ];
}
