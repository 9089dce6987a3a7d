import type { Sql } from "postgres";
import { z } from "zod";

const integer = z.string().regex(/^-?\d+$/);

const bookedLine = z.object({
  kind: z.enum(["usage", "minimum", "one_off", "top_up", "discount", "promotional_credit", "tax"]),
  model: z.string().nullable(),
  metric: z.string().nullable(),
  rate_class: z.string().nullable(),
  agent: z.string().nullable(),
  service_start: z.string().nullable(),
  /** Decimal text. */
  quantity: z.string().nullable(),
  amount_minor: integer,
  tax_name: z.string().nullable(),
  tax_behavior: z.string().nullable(),
  tax_base_minor: integer.nullable(),
});

const bookedPeriod = z.object({
  client_id: z.string(),
  client: z.string(),
  period_start: z.string(),
  state: z.string(),
  invoice: z.object({
    number: z.string().nullable(),
    currency: z.string(),
    subtotal_minor: integer,
    discount_minor: integer,
    tax_minor: integer,
    tax_included_minor: integer,
    total_minor: integer,
    lines: z.array(bookedLine),
  }).nullable(),
});

/** A client's period as the database has settled it, with its live invoice if it has one. */
export type BookedPeriod = z.infer<typeof bookedPeriod>;
export type BookedLine = z.infer<typeof bookedLine>;

/** Reads what the database made of every period. Integers are text. */
export async function readBooked(sql: Sql): Promise<BookedPeriod[]> {
  const rows = await sql`
    select p.client_id, c.name as client, p.period_start::text, p.state, (
      select json_build_object('number', i.number, 'currency', i.currency,
        'subtotal_minor', i.subtotal_minor::text, 'discount_minor', i.discount_minor::text,
        'tax_minor', i.tax_minor::text, 'tax_included_minor', i.tax_included_minor::text,
        'total_minor', i.total_minor::text, 'lines', (
          select json_agg(json_build_object('kind', l.kind, 'model', l.model,
            'metric', l.metric, 'rate_class', l.rate_class, 'agent', l.agent,
            'service_start', l.service_start,
            'quantity', l.quantity::text, 'amount_minor', l.amount_minor::text,
            'tax_name', l.tax_name, 'tax_behavior', l.tax_behavior,
            'tax_base_minor', l.tax_base_minor::text) order by l.position)
          from public.invoice_lines l where l.invoice_id = i.id))
      from public.invoices i
      where i.client_id = p.client_id and i.kind = 'period'
        and i.period_start = p.period_start and i.status <> 'void') as invoice
    from public.billing_periods p join public.clients c on c.id = p.client_id
    order by c.name, p.period_start`;
  return z.array(bookedPeriod).parse(rows);
}

/** Log rows that the database cannot bill, by reason. */
export async function readQuarantined(sql: Sql): Promise<Map<string, number>> {
  const rows = await sql`
    select reason, count(*)::int as rows from billing.quarantined_logs group by reason`;
  return new Map(
    z.array(z.object({ reason: z.string(), rows: z.int() })).parse(rows)
      .map(({ reason, rows }) => [reason, rows]),
  );
}
