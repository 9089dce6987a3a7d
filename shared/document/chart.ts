import type { Exponent } from "../money.ts";
import { formatDay, formatMoney } from "./locale.ts";
import type { Reader } from "./reader.ts";
import type { DocumentDay } from "./schema.ts";

/** The daily usage as bars on a canvas of `width` × `height`, y downwards; labels are final text. */
export interface ChartView {
  readonly title: string;
  readonly width: number;
  readonly height: number;
  /** Where the plot begins; left of it stand the amounts. */
  readonly left: number;
  readonly bars: readonly ChartBar[];
  readonly gridLines: readonly { readonly y: number; readonly label: string }[];
  readonly dayLabels: readonly { readonly x: number; readonly label: string }[];
}

/** One day; `label` says day and amount in words, for screen readers and tooltips. */
export interface ChartBar {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly label: string;
}

const WIDTH = 520;
const HEIGHT = 60;
// The amounts stand left of the bars, never under them.
const GUTTER = 46;
const LABEL_EVERY_DAYS = 7;

/**
 * The chart of a document's daily amounts, or null where there was no usage. Days with a negative
 * amount (corrections) show as empty.
 */
export function chartView(
  daily: readonly DocumentDay[],
  money: { readonly currency: string; readonly exponent: Exponent },
  { words, format }: Reader,
): ChartView | null {
  const largest = Math.max(0, ...daily.map(({ amount_minor }) => amount_minor));
  if (largest === 0) return null;
  const top = niceCeiling(largest);
  const step = (WIDTH - GUTTER) / daily.length;
  const slot = (index: number) => tidy(GUTTER + index * step + step * 0.14);
  return {
    title: words.texts.usagePerDay,
    width: WIDTH,
    height: HEIGHT,
    left: GUTTER,
    bars: daily.map(({ day, amount_minor }, index) => {
      const height = tidy((Math.max(0, amount_minor) / top) * HEIGHT);
      const label = `${formatDay(day, format)}: ${formatMoney(amount_minor, money, format)}`;
      return { x: slot(index), y: tidy(HEIGHT - height), width: tidy(step * 0.72), height, label };
    }),
    gridLines: [{ y: 0, label: formatMoney(top, money, format) }].concat(
      top % 2 === 0 ? [{ y: HEIGHT / 2, label: formatMoney(top / 2, money, format) }] : [],
    ),
    dayLabels: daily.flatMap(({ day }, index) =>
      index % LABEL_EVERY_DAYS === 0
        ? [{ x: slot(index), label: formatDay(day, format, "short") }]
        : []
    ),
  };
}

/** The smallest of 1, 2, 4, 5, 6, 8 × 10ⁿ minor units that holds `value`. */
function niceCeiling(value: number): number {
  let power = 1;
  while (power * 10 < value) power *= 10;
  return power * ([1, 2, 4, 5, 6, 8].find((factor) => power * factor >= value) ?? 10);
}

/** Two decimals: the same digits in SVG and PDF. */
function tidy(value: number): number {
  return Math.round(value * 100) / 100;
}
