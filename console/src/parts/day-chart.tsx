import { useEffect, useRef } from "preact/hooks";
import { day, shortDay } from "../format/days.ts";
import type { DayFigure } from "./day-figure.ts";
import { useWords } from "../words/words.ts";

/** Bars by day. A screen reader reads the days with their figures. */
export function DayChart({ label, days, format }: {
  readonly label: string;
  readonly days: readonly DayFigure[];
  /** How a figure is written on the axis and beside a day. */
  readonly format: (value: number) => string;
}) {
  const { say } = useWords();
  const frame = useRef<HTMLDivElement>(null);
  const drawn = JSON.stringify(days);
  useEffect(() => {
    const element = frame.current;
    if (element === null || days.length === 0) return;
    let remove = () => {};
    let isOver = false;
    const draw = async () => {
      const { drawBars } = await import("./draw-bars.ts");
      remove();
      if (!isOver) remove = drawBars(element, days, format);
    };
    void draw();
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const redraw = () => void draw();
    scheme.addEventListener("change", redraw);
    globalThis.addEventListener("themechange", redraw);
    const size = new ResizeObserver(redraw);
    size.observe(element);
    return () => {
      isOver = true;
      scheme.removeEventListener("change", redraw);
      globalThis.removeEventListener("themechange", redraw);
      size.disconnect();
      remove();
    };
  }, [drawn]);
  if (days.length === 0) return <p class="none">{say("noDays")}</p>;
  return (
    <figure class="chart">
      <div class="chart-frame" ref={frame} aria-hidden="true" />
      <figcaption class="for-hearing">
        <table>
          <caption>{label}</caption>
          <tbody>
            {days.map((figure) => (
              <tr key={figure.day}>
                <th scope="row">{day(figure.day)}</th>
                <td>{format(figure.value)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </figcaption>
      <div class="chart-ends" aria-hidden="true">
        <span>{shortDay(days[0]?.day ?? "")}</span>
        <span>{shortDay(days.at(-1)?.day ?? "")}</span>
      </div>
    </figure>
  );
}
