import type { Sql } from "postgres";
import { z } from "zod";

/** What `_billing.delivery_overview` answers; `run` is null before the first one. */
export const DeliveryOverview = z.object({
  pending: z.int(),
  dead: z.int(),
  run: z.object({
    as_of: z.string(),
    invoices: z.int(),
    /** `1234.50 USD, 300.00 EUR`; null where there was nothing to pay. */
    totals: z.string().nullable(),
    blocked: z.int(),
    /** Deliveries of the run's invoices that gave up. */
    failed: z.int(),
    /** The report as text. */
    report: z.string(),
  }).nullable(),
});

/** See the schema of the same name. */
export type DeliveryOverview = z.infer<typeof DeliveryOverview>;

/** Reads it. Throws `PostgresError` when the database does not answer. */
export async function readOverview(sql: Sql): Promise<DeliveryOverview> {
  const [row] = await sql`select _billing.delivery_overview() as overview`;
  return DeliveryOverview.parse(row?.overview);
}
