import { decimalToMinor } from "../../../shared/money.ts";
import { exponentOf } from "../format/figures.ts";

/** What a user is asked for before an act. */
export interface Field {
  readonly name: string;
  readonly label: string;
  readonly kind?: "text" | "long" | "date" | "month" | "email";
  readonly hint?: string;
  readonly value?: string;
  readonly required?: boolean;
  /** Where one of a few values is chosen. */
  readonly options?: readonly (readonly [value: string, name: string])[];
}

/** What the user has entered, by the names of the fields; trimmed. */
export type Values = Readonly<Record<string, string>>;

/** What fields hold at first. */
export function firstValues(fields: readonly Field[]): Values {
  return Object.fromEntries(
    fields.map(({ name, value, options }) => [name, value ?? options?.[0]?.[0] ?? ""]),
  );
}

/** An amount of major units as minor ones; null where it is none, or not above zero. */
export function enteredMinor(text: string | undefined, currency: string): number | null {
  try {
    const minor = Number(decimalToMinor((text ?? "").trim(), exponentOf(currency)));
    return Number.isSafeInteger(minor) && minor > 0 ? minor : null;
  } catch {
    return null;
  }
}

/** The same, where nothing is an amount too. */
export function enteredMinorOrNone(text: string | undefined, currency: string): number | null {
  return /^0+(\.0+)?$/.test((text ?? "").trim()) ? 0 : enteredMinor(text, currency);
}

/** Whether a text is a currency's code. */
export function isCurrency(code: string): boolean {
  return /^[A-Z]{3}$/.test(code);
}

/** An exact decimal, which may be below zero. */
export function isDecimal(text: string): boolean {
  return /^-?\d{1,20}(\.\d{1,12})?$/.test(text);
}

/** A list of whole numbers with commas between them; null where it is none. */
export function enteredNumbers(text: string | undefined): number[] | null {
  const parts = (text ?? "").split(",").map((part) => part.trim()).filter((part) => part !== "");
  return parts.every((part) => /^-?\d{1,9}$/.test(part)) ? parts.map(Number) : null;
}

/** Those of the values that were filled in. */
export function filled(values: Values): Values {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ""));
}
