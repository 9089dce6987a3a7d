import { withoutFormula } from "../csv.ts";
import { DATEV_COLUMNS } from "./datev-columns.ts";
import {
  amountOf,
  codeOf,
  type Journal,
  knownCodeOf,
  type Layout,
  type Movement,
  type MovementEntry,
  shortId,
  wordsOf,
} from "./movement.ts";

/** A debit and a credit of the same amount: what one line of a Buchungsstapel says. */
interface Pair {
  readonly debit: MovementEntry;
  readonly credit: MovementEntry;
  readonly minor: number;
}

const TAX_ACCOUNTS = new Set(["advance_tax", "tax_payable"]);

/** Whether both are accounts of tax, or neither is. */
function areOfOneKind(one: MovementEntry, other: MovementEntry): boolean {
  return TAX_ACCOUNTS.has(one.account) === TAX_ACCOUNTS.has(other.account);
}

/**
 * A movement as debits each with a credit: those of the same amount, tax with tax before others;
 * then the first of both sides as far as the smaller goes, then on. The debit and credit of each
 * account stay the same.
 */
export function pairsOf({ entries }: Pick<Movement, "entries">): Pair[] {
  const debits = entries.filter(({ minor }) => minor > 0);
  const credits = entries.filter(({ minor }) => minor < 0);
  const pairs: Pair[] = [];
  for (const fits of [areOfOneKind, () => true]) {
    for (const debit of [...debits]) {
      const credit = credits.find((one) => one.minor === -debit.minor && fits(debit, one));
      if (credit === undefined) continue;
      pairs.push({ debit, credit, minor: debit.minor });
      debits.splice(debits.indexOf(debit), 1);
      credits.splice(credits.indexOf(credit), 1);
    }
  }
  let [owed, paid] = [0, 0];
  let [debit, credit] = [debits.shift(), credits.shift()];
  while (debit !== undefined && credit !== undefined) {
    const minor = Math.min(debit.minor - owed, -credit.minor - paid);
    pairs.push({ debit, credit, minor });
    owed += minor;
    paid += minor;
    if (owed === debit.minor) [debit, owed] = [debits.shift(), 0];
    if (paid === -credit.minor) [credit, paid] = [credits.shift(), 0];
  }
  return pairs;
}

/**
 * A Buchungsstapel (EXTF, header 700, format version 13): a line with what the file is, a line with
 * the names of its columns, and a line for each debit with its credit. UTF-8 with a byte order mark.
 * Accounts are numbers; a tax code is the BU-Schlüssel, of the account that is credited first.
 */
export const datev: Layout = {
  problems: ({ exponent, codes, datev: { consultant, client, accountLength } }) => [
    ...exponent === 3 ? ["DATEV takes amounts of two decimals"] : [],
    ...consultant === null ? ["billing_settings.datev_consultant is not set"] : [],
    ...client === null ? ["billing_settings.datev_client is not set"] : [],
    ...codes.filter(({ code }) => !/^\d+$/.test(code) || code.length > accountLength + 1)
      .map(({ account, code }) =>
        `account ${account} has ${code}, which is no number of ${accountLength} digits`
      ),
  ],
  head: (journal) =>
    `\uFEFF${line(headerOf(journal))}${line(DATEV_COLUMNS.map((column) => quoted(column, 60)))}`,
  lines: (movement, journal) =>
    pairsOf(movement).map((pair) => line(bookingOf(pair, movement, journal))).join(""),
};

function headerOf({ month, currency, datev: settings, madeAt }: Journal): string[] {
  const [year = "", monthOfYear = ""] = month.split("-");
  const begins = String(settings.fiscalYearMonth).padStart(2, "0");
  const fiscalYear = Number(year) - (monthOfYear < begins ? 1 : 0);
  const days = new Date(Date.UTC(Number(year), Number(monthOfYear), 0)).getUTCDate();
  return [
    '"EXTF"',
    "700",
    "21",
    '"Buchungsstapel"',
    "13",
    madeAt.toISOString().replace(/\D/g, "").slice(0, 17),
    "",
    '""',
    '""',
    '""',
    String(settings.consultant),
    String(settings.client),
    `${fiscalYear}${begins}01`,
    String(settings.accountLength),
    `${year}${monthOfYear}01`,
    `${year}${monthOfYear}${days}`,
    quoted(`Journal ${month} ${currency}`, 30),
    '""',
    // Financial accounting, for every purpose, not locked: that is the bookkeeper's to do.
    "1",
    "0",
    "0",
    quoted(currency, 3),
    "",
    '""',
    "",
    "",
    '""',
    "",
    "",
    '""',
    '""',
  ];
}

function bookingOf({ debit, credit, minor }: Pair, movement: Movement, journal: Journal): string[] {
  const { codes, currency, exponent } = journal;
  const [, month, day] = movement.day.split("-");
  const amount = amountOf(minor, journal);
  const taxCode = codeOf(credit, codes)?.taxCode ?? codeOf(debit, codes)?.taxCode ?? null;
  const known = [
    exponent === 0 ? `${amount},00` : amount.replace(".", ","),
    '"S"',
    quoted(currency, 3),
    "",
    "",
    "",
    knownCodeOf(debit, codes).code,
    knownCodeOf(credit, codes).code,
    taxCode === null ? "" : quoted(taxCode, 4),
    `${day}${month}`,
    quoted((movement.number ?? shortId(movement)).replace(/[^\w$%&*+/-]/g, "-"), 36),
    "",
    "",
    quoted(wordsOf(movement), 60),
  ];
  return DATEV_COLUMNS.map((_, n) => known[n] ?? "");
}

/** A text in quotes, on one line, cut to its length, and no formula. */
function quoted(text: string, length: number): string {
  const plain = withoutFormula(text.replace(/\s+/g, " ").trim());
  return `"${[...plain].slice(0, length).join("").replaceAll('"', '""')}"`;
}

const line = (cells: readonly string[]) => `${cells.join(";")}\r\n`;
