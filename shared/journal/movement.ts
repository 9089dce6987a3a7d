import { type Exponent, minorToDecimal } from "../money.ts";

/** A movement of the ledger: a transaction whose debits are its credits, in one currency. */
export interface Movement {
  readonly id: string;
  /** When it happened, `2026-07-03` (UTC). */
  readonly day: string;
  readonly kind: string;
  /** Of the invoice or credit note that it is of. */
  readonly number: string | null;
  readonly client: string;
  readonly entries: readonly MovementEntry[];
}

/** What a movement does to an account: a debit is more than zero, a credit less. */
export interface MovementEntry {
  readonly account: string;
  /** The way to pay, of `cash` alone. */
  readonly processor: string | null;
  readonly minor: number;
}

/** How a bookkeeping program calls one of our accounts. */
export interface AccountCode {
  readonly account: string;
  /** Empty: for every way to pay that has no row of its own. */
  readonly processor: string;
  readonly code: string;
  readonly taxCode: string | null;
}

/** What a file is made for. */
export interface Journal {
  /** `2026-07` */
  readonly month: string;
  readonly currency: string;
  readonly exponent: Exponent;
  readonly codes: readonly AccountCode[];
  /** What DATEV's head names; null where it is not set. */
  readonly datev: {
    readonly consultant: number | null;
    readonly client: number | null;
    readonly accountLength: number;
    /** The month, 1 to 12, in which a fiscal year begins. */
    readonly fiscalYearMonth: number;
  };
  readonly madeAt: Date;
}

/** A layout of a bookkeeping program: a head and, movement by movement, lines. */
export interface Layout {
  /** What has to be set before; empty: nothing. */
  problems(journal: Journal): string[];
  head(journal: Journal): string;
  lines(movement: Movement, journal: Journal): string;
}

/** The number of an account: of the way to pay, else of the account. */
export function codeOf(
  { account, processor }: Pick<MovementEntry, "account" | "processor">,
  codes: readonly AccountCode[],
): AccountCode | undefined {
  const own = codes.filter((code) => code.account === account);
  return own.find((code) => code.processor === (processor ?? "")) ??
    own.find((code) => code.processor === "");
}

/** The same, of an account that is known to have one. */
export function knownCodeOf(entry: MovementEntry, codes: readonly AccountCode[]): AccountCode {
  const code = codeOf(entry, codes);
  if (code === undefined) throw new Error(`account ${entry.account} has no code`);
  return code;
}

/** An amount without its sign, in the decimals of its currency. */
export function amountOf(minor: number, { exponent }: Journal): string {
  return minorToDecimal(Math.abs(minor), exponent);
}

/** A movement in words: `INV-2026-000001 · invoice · Acme`. */
export function wordsOf({ number, kind, client }: Movement): string {
  return [number, kind.replaceAll("_", " "), client].filter((word) => word !== null).join(" · ");
}

/** A name of a movement that fits where 36 characters do not: 20 hexadecimal digits. */
export function shortId({ id }: Movement): string {
  return id.replaceAll("-", "").slice(0, 20);
}
