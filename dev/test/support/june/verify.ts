import type { Sql } from "postgres";
import { readBooked, readQuarantined } from "../../../rater/booked.ts";
import { compareInvoices, compareQuarantine, type Difference } from "../../../rater/compare.ts";
import { rateMonth } from "../../../../shared/rater/rate-month.ts";
import { readWorld } from "../../../rater/read-world.ts";
import { AS_OF } from "./month.ts";

/** What the second computation of the month found. */
export interface Verification {
  /** Periods that were computed twice. */
  readonly periods: number;
  readonly differences: readonly Difference[];
}

/** Computes the month again from raw rows and compares it with the books, line by line. */
export async function verifyMonth(sql: Sql): Promise<Verification> {
  const rating = rateMonth(await readWorld(sql), { asOf: AS_OF });
  const differences = [
    ...compareInvoices(rating, await readBooked(sql)),
    ...compareQuarantine(rating, await readQuarantined(sql)),
  ];
  return { periods: rating.periods.length, differences };
}
