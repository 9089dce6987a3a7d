import { csvLines } from "../csv.ts";
import { amountOf, knownCodeOf, type Layout, shortId, wordsOf } from "./movement.ts";

const HEAD = [
  "Journal No.",
  "Journal Date",
  "Account Name",
  "Debits",
  "Credits",
  "Description",
  "Name",
];

/**
 * Journal entries as QuickBooks Online imports them: lines of one number are an entry, accounts go
 * by their names, days are `MM/DD/YYYY`. Lines of receivables need a name.
 */
export const quickbooks: Layout = {
  problems: () => [],
  head: () => csvLines([HEAD]),
  lines: (movement, journal) => {
    const [year, month, day] = movement.day.split("-");
    return csvLines(movement.entries.map((entry) => {
      const amount = amountOf(entry.minor, journal);
      return [
        shortId(movement),
        `${month}/${day}/${year}`,
        knownCodeOf(entry, journal.codes).code,
        entry.minor > 0 ? amount : null,
        entry.minor > 0 ? null : amount,
        wordsOf(movement),
        movement.client,
      ];
    }));
  },
};
