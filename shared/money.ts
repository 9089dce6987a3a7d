/**
 * Money and quantities as text: integer minor units and decimal strings, never floats.
 *
 * A *decimal* here is what Postgres' `numeric` prints: optional minus, digits, optionally a point
 * and digits. Anything else throws a `RangeError` that names the value.
 */

/** How many decimals a currency has on invoices: JPY 0, USD 2, KWD 3. */
export type Exponent = 0 | 2 | 3;

/** The characters with which a locale writes numbers; `indian` groups 12,34,567. */
export interface NumberStyle {
  readonly decimal: string;
  readonly group: string;
  readonly grouping: "western" | "indian";
}

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/;

/** Minor units to a decimal: `(1250n, 2)` is `"12.50"`, `(-5, 3)` is `"-0.005"`. */
export function minorToDecimal(minor: bigint | number, exponent: Exponent): string {
  if (typeof minor === "number" && !Number.isSafeInteger(minor)) {
    throw new RangeError(`not an integer of minor units: ${minor}`);
  }
  const value = BigInt(minor);
  const digits = (value < 0n ? -value : value).toString().padStart(exponent + 1, "0");
  const cut = digits.length - exponent;
  const fraction = exponent === 0 ? "" : `.${digits.slice(cut)}`;
  return `${value < 0n ? "-" : ""}${digits.slice(0, cut)}${fraction}`;
}

/** A decimal to minor units, exactly; more decimals than the currency has must be zeros. */
export function decimalToMinor(decimal: string, exponent: Exponent): bigint {
  const { sign, whole, fraction } = parts(decimal);
  if (/[1-9]/.test(fraction.slice(exponent))) {
    throw new RangeError(`more than ${exponent} decimals: ${decimal}`);
  }
  return BigInt(`${sign}${whole}${fraction.slice(0, exponent).padEnd(exponent, "0")}`);
}

/**
 * A decimal without needless zeros: `("3.0000", 2)` is `"3.00"`, `("0.0750", 2)` is `"0.075"`.
 * At least `minimumDecimals` stay; no digit that counts is ever dropped.
 */
export function trimDecimal(decimal: string, minimumDecimals: number): string {
  const { sign, whole, fraction } = parts(decimal);
  const digits = fraction.replace(/0+$/, "").padEnd(minimumDecimals, "0");
  const shortWhole = whole.replace(/^0+(?=\d)/, "");
  const isZero = !/[1-9]/.test(whole + fraction);
  return `${isZero ? "" : sign}${shortWhole}${digits === "" ? "" : `.${digits}`}`;
}

/** The exact sum of decimals; of none `"0"`. */
export function sumDecimals(decimals: readonly string[]): string {
  const all = decimals.map(parts);
  const scale = Math.max(0, ...all.map(({ fraction }) => fraction.length));
  const sum = all.reduce(
    (total, { sign, whole, fraction }) =>
      total + BigInt(`${sign}${whole}${fraction.padEnd(scale, "0")}`),
    0n,
  );
  const digits = (sum < 0n ? -sum : sum).toString().padStart(scale + 1, "0");
  const cut = digits.length - scale;
  return trimDecimal(`${sum < 0n ? "-" : ""}${digits.slice(0, cut)}.${digits.slice(cut)}0`, 0);
}

/** A decimal in a locale's characters: `"-1234567.5"` becomes `-1,234,567.5` or `-12,34,567.5`. */
export function groupDecimal(decimal: string, style: NumberStyle): string {
  const { sign, whole, fraction } = parts(decimal);
  const tail = fraction === "" ? "" : `${style.decimal}${fraction}`;
  return `${sign}${groupDigits(whole, style)}${tail}`;
}

function groupDigits(whole: string, style: NumberStyle): string {
  const head = whole.slice(0, -3);
  if (head === "") return whole;
  const size = style.grouping === "indian" ? 2 : 3;
  const first = head.length % size;
  const groups = head.slice(first).match(style.grouping === "indian" ? /../g : /.../g) ?? [];
  return [...(first > 0 ? [head.slice(0, first)] : []), ...groups, whole.slice(-3)]
    .join(style.group);
}

function parts(decimal: string): { sign: string; whole: string; fraction: string } {
  const match = DECIMAL.exec(decimal);
  if (match === null) throw new RangeError(`not a decimal: ${JSON.stringify(decimal)}`);
  const [, sign = "", whole = "", fraction = ""] = match;
  return { sign, whole, fraction };
}
