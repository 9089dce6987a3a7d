import { csvLines } from "../csv.ts";
import { amountOf, knownCodeOf, type Layout, shortId, wordsOf } from "./movement.ts";

const HEAD = [
  "*Narration",
  "*Date",
  "Description",
  "*AccountCode",
  "*TaxRate",
  "*Amount",
  "TrackingName1",
  "TrackingOption1",
  "TrackingName2",
  "TrackingOption2",
];
const TRACKING = [null, null, null, null];

/**
 * Manual journals as Xero imports them: lines of one narration and day are a journal, debits are
 * more than zero and credits less, and each line names a tax rate by its name in Xero.
 */
export const xero: Layout = {
  problems: ({ codes }) =>
    codes.filter(({ taxCode }) => taxCode === null)
      .map(({ account }) => `account ${account} has no tax rate (tax_code)`),
  head: () => csvLines([HEAD]),
  lines: (movement, journal) => {
    const [year, month, day] = movement.day.split("-");
    const words = wordsOf(movement);
    return csvLines(movement.entries.map((entry) => {
      const { code, taxCode } = knownCodeOf(entry, journal.codes);
      return [
        `${words} · ${shortId(movement)}`,
        `${day}/${month}/${year}`,
        words,
        code,
        taxCode,
        `${entry.minor < 0 ? "-" : ""}${amountOf(entry.minor, journal)}`,
        ...TRACKING,
      ];
    }));
  },
};
