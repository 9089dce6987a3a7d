/** An exact rational number in lowest terms; `d` is positive. Nothing rounds but `roundHalfAway`. */
export interface Fraction {
  readonly n: bigint;
  readonly d: bigint;
}

export const ZERO: Fraction = { n: 0n, d: 1n };
export const ONE: Fraction = { n: 1n, d: 1n };

/** A whole number. */
export function whole(value: bigint | number): Fraction {
  return { n: BigInt(value), d: 1n };
}

/** Reads `-12`, `0.30` or `1.5e-7` (as JSON may write it). Throws on anything else. */
export function parseDecimal(text: string): Fraction {
  const match = /^([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text.trim());
  if (match === null) throw new RangeError(`not a decimal number: ${text}`);
  const [, sign = "", integer = "", decimals = "", exponent = "0"] = match;
  const digits = BigInt(`${integer}${decimals}`);
  const scale = Number(exponent) - decimals.length;
  const value = scale >= 0
    ? whole(digits * 10n ** BigInt(scale))
    : reduce(digits, 10n ** BigInt(-scale));
  return sign === "-" ? negate(value) : value;
}

export function add(a: Fraction, b: Fraction): Fraction {
  if (a.d === 1n && b.d === 1n) return { n: a.n + b.n, d: 1n };
  return reduce(a.n * b.d + b.n * a.d, a.d * b.d);
}

export function subtract(a: Fraction, b: Fraction): Fraction {
  return add(a, negate(b));
}

export function multiply(a: Fraction, b: Fraction): Fraction {
  return reduce(a.n * b.n, a.d * b.d);
}

/** Throws when `b` is zero. */
export function divide(a: Fraction, b: Fraction): Fraction {
  if (b.n === 0n) throw new RangeError("division by zero");
  return b.n < 0n ? reduce(-a.n * b.d, a.d * -b.n) : reduce(a.n * b.d, a.d * b.n);
}

export function negate(a: Fraction): Fraction {
  return { n: -a.n, d: a.d };
}

/** Negative, zero or positive, as for `Array.sort`. */
export function compare(a: Fraction, b: Fraction): number {
  const difference = a.n * b.d - b.n * a.d;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

export function max(a: Fraction, b: Fraction): Fraction {
  return compare(a, b) >= 0 ? a : b;
}

export function min(a: Fraction, b: Fraction): Fraction {
  return compare(a, b) <= 0 ? a : b;
}

export function isZero(a: Fraction): boolean {
  return a.n === 0n;
}

export function sum(values: Iterable<Fraction>): Fraction {
  let total = ZERO;
  for (const value of values) total = add(total, value);
  return total;
}

/** The next whole number at or above. */
export function ceil(a: Fraction): Fraction {
  const quotient = a.n / a.d;
  return whole(quotient * a.d < a.n ? quotient + 1n : quotient);
}

/** The nearest whole number; halves go away from zero. */
export function roundHalfAway(a: Fraction): bigint {
  const magnitude = a.n < 0n ? -a.n : a.n;
  const rounded = (2n * magnitude + a.d) / (2n * a.d);
  return a.n < 0n ? -rounded : rounded;
}

/** To the nearest whole number; a half goes toward zero. */
export function roundHalfToward(a: Fraction): bigint {
  const magnitude = a.n < 0n ? -a.n : a.n;
  const rounded = (2n * magnitude + a.d - 1n) / (2n * a.d);
  return a.n < 0n ? -rounded : rounded;
}

function reduce(n: bigint, d: bigint): Fraction {
  let a = n < 0n ? -n : n;
  let b = d;
  while (b !== 0n) [a, b] = [b, a % b];
  return a === 0n ? ZERO : { n: n / a, d: d / a };
}
