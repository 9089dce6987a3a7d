import type { ChartView } from "../../../../shared/document/chart.ts";
import { COLOR, heading } from "./parts.ts";
import type { PdfNode } from "./vendor.js";

const LABEL = { fontSize: 6.5, color: COLOR.muted, lineHeight: 1, alignment: "left" } as const;

/** The chart as vectors, scaled to `width` points. */
export function chart(view: ChartView, width: number): PdfNode {
  const scale = width / view.width;
  const height = view.height * scale;
  const left = view.left * scale;
  return {
    unbreakable: true,
    margin: [0, 16, 0, 0],
    stack: [
      heading(view.title),
      ...view.gridLines.map(({ y, label }) => ({
        ...LABEL,
        text: label,
        relativePosition: { x: 0, y: 6 + y * scale },
      })),
      {
        margin: [0, 9, 0, 0],
        canvas: [
          ...view.gridLines.map(({ y }) => line(left, y * scale, width, COLOR.line)),
          ...view.bars.map((bar) => ({
            type: "rect",
            x: bar.x * scale,
            y: bar.y * scale,
            w: bar.width * scale,
            h: bar.height * scale,
            color: COLOR.bar,
          })),
          line(left, height, width, COLOR.axis),
        ],
      },
      ...view.dayLabels.map(({ x, label }) => ({
        ...LABEL,
        text: label,
        relativePosition: { x: x * scale, y: 4 },
      })),
      { text: " ", fontSize: 6.5 },
    ],
  };
}

function line(
  x1: number,
  y: number,
  width: number,
  lineColor: string,
): PdfNode {
  return {
    type: "line",
    x1,
    y1: y,
    x2: width,
    y2: y,
    lineWidth: 0.6,
    lineColor,
  };
}
