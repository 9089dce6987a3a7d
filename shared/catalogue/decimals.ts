/** Exact decimals as text: prices come as `3e-06` and are never read as floats. */

const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/;

interface Scaled {
  readonly digits: bigint;
  /** Decimals: the value is `digits / 10 ** scale`. */
  readonly scale: number;
}

/** Characters of a number; the work grows with the square of the digits. */
const MOST_CHARACTERS = 500;

function scaled(text: string): Scaled {
  const isShort = text.length <= MOST_CHARACTERS;
  const [, sign, whole, fraction = "", exponent = "0"] = isShort ? NUMBER.exec(text) ?? [] : [];
  if (whole === undefined) throw new RangeError(`not a number: ${text.slice(0, 100)}`);
  const scale = fraction.length - Number(exponent);
  const digits = BigInt(`${sign}${whole}${fraction}`);
  return scale >= 0 ? { digits, scale } : { digits: digits * 10n ** BigInt(-scale), scale: 0 };
}

function text({ digits, scale }: Scaled): string {
  const all = (digits < 0n ? -digits : digits).toString().padStart(scale + 1, "0");
  const fraction = all.slice(all.length - scale).replace(/0+$/, "");
  const whole = all.slice(0, all.length - scale);
  return `${digits < 0n ? "-" : ""}${whole}${scale === 0 || fraction === "" ? "" : `.${fraction}`}`;
}

/** A number as JSON writes it as a plain decimal: `3e-06` is `0.000003`. */
export function plainDecimal(number: string): string {
  return text(scaled(number));
}

/** The exact product of two numbers. */
export function product(left: string, right: string): string {
  const a = scaled(left);
  const b = scaled(right);
  return text({ digits: a.digits * b.digits, scale: a.scale + b.scale });
}

/** Whether a number is above zero. */
export function isAboveZero(number: string): boolean {
  return scaled(number).digits > 0n;
}

/** Whether text is a number as prices are: of at most 60 characters, neither huge nor tiny. */
export function isNumber(text: string): boolean {
  const found = text.length <= 60 ? NUMBER.exec(text) : null;
  return found !== null && Math.abs(Number(found[4] ?? "0")) <= 60;
}
