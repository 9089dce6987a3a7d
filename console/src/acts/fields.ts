import { decimalToMinor } from "../../../shared/money.ts";
import { exponentOf } from "../format/figures.ts";

/** What a user is asked for before an act. */
export interface Field {
  readonly name: string;
  readonly label: string;
  readonly kind?: "text" | "date" | "month" | "email";
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

/** Those of the values that were filled in. */
export function filled(values: Values): Values {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ""));
}
