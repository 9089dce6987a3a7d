import type { Sql } from "postgres";
import { z } from "zod";

/** The hour of the monthly run: by then June is over for all clients of the demo. */
export const AS_OF = "2026-07-01T09:00:00Z";

const minor = z.string().regex(/^-?\d+$/).transform(Number).pipe(z.int());

const outcome = z.object({
  invoices: z.array(z.object({
    id: z.uuid(),
    client: z.string(),
    number: z.string(),
    status: z.string(),
    currency: z.string(),
    exponent: z.union([z.literal(0), z.literal(2), z.literal(3)]),
    subtotal_minor: minor,
    discount_minor: minor,
    tax_minor: minor,
    total_minor: minor,
  })),
  quarantined: z.array(z.object({ reason: z.string(), rows: minor })),
  blocked: z.array(z.object({ client: z.string(), reason: z.string() })),
  /** Clients whose month came to nothing. */
  skipped: z.array(z.string()),
  discrepancies: z.int(),
});

/** What the month came to; integers are safe. */
export type MonthOutcome = z.infer<typeof outcome>;
export type MonthInvoice = MonthOutcome["invoices"][number];

/** Runs the month, as cron does on the first of July. */
export async function runMonth(sql: Sql): Promise<void> {
  await sql`select billing.run_monthly(${AS_OF}::timestamptz)`;
}

/** Reads the books after the run. */
export async function readMonth(sql: Sql): Promise<MonthOutcome> {
  const skipped = await sql`
    select c.name from public.billing_periods p join public.clients c on c.id = p.client_id
    where p.state = 'skipped' order by c.name`;
  const [differences] = await sql`
    select count(*)::int as count
    from billing.usage_discrepancies(daterange('2026-06-01', '2026-07-01'))`;
  return outcome.parse({
    invoices: await sql`
      select i.id, c.name as client, i.number, i.status, i.currency, u.exponent,
        i.subtotal_minor::text, i.discount_minor::text, i.tax_minor::text, i.total_minor::text
      from public.invoices i
      join public.clients c on c.id = i.client_id
      join public.currencies u on u.code = i.currency
      where i.number is not null order by i.number`,
    quarantined: await sql`
      select reason, rows::text from _billing.summarize_quarantine()`,
    blocked: await sql`
      select c.name as client, p.message as reason
      from public.billing_periods p join public.clients c on c.id = p.client_id
      where p.state = 'blocked' order by c.name`,
    skipped: skipped.map(({ name }) => name),
    discrepancies: differences?.count,
  });
}
