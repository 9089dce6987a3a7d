import uPlot from "uplot";
import { shortDay } from "../format/days.ts";
import type { DayFigure } from "./day-figure.ts";

const HEIGHT = 180;

/** Draws bars into an element, as wide as it is; returns what removes them. */
export function drawBars(
  element: HTMLElement,
  days: readonly DayFigure[],
  format: (value: number) => string,
): () => void {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const font = `12px ${style.fontFamily}`;
  const bars = uPlot.paths.bars?.({ size: [0.7, 28], radius: 0.15 });
  const chart = new uPlot(
    {
      width: element.clientWidth,
      height: HEIGHT,
      padding: [8, 0, 8, 0],
      legend: { show: false },
      cursor: { x: true, y: false, points: { show: false }, drag: { x: false, y: false } },
      scales: {
        x: { time: false, range: [-0.6, days.length - 0.4] },
        y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] },
      },
      axes: [{ show: false }, {
        stroke: colour("--chart-text"),
        font,
        size: 72,
        grid: { stroke: colour("--chart-grid"), width: 1 },
        ticks: { show: false },
        values: (_, splits) => splits.map(format),
        space: 32,
      }],
      series: [{}, {
        fill: colour("--chart-bar"),
        stroke: colour("--chart-bar"),
        width: 0,
        points: { show: false },
        ...bars === undefined ? {} : { paths: bars },
      }],
      plugins: [hoveredDay(days, format)],
    },
    [days.map((_, index) => index), days.map(({ value }) => value)],
    element,
  );
  return () => chart.destroy();
}

/** Shows the day under the pointer with its figure. */
function hoveredDay(
  days: readonly DayFigure[],
  format: (value: number) => string,
): uPlot.Plugin {
  const label = document.createElement("div");
  label.className = "chart-label";
  label.hidden = true;
  return {
    hooks: {
      init: (chart) => void chart.over.append(label),
      setCursor: ({ cursor, over }) => {
        const figure = typeof cursor.idx === "number" ? days[cursor.idx] : undefined;
        label.hidden = figure === undefined || cursor.left === undefined || cursor.left < 0;
        if (figure === undefined || cursor.left === undefined) return;
        label.textContent = `${shortDay(figure.day)} · ${format(figure.value)}`;
        const room = over.clientWidth - label.clientWidth;
        label.style.left = `${Math.max(0, Math.min(cursor.left + 8, room))}px`;
      },
    },
  };
}
