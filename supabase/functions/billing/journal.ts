import { z } from "zod";
import { exportJournal } from "../../../shared/api/journal.ts";
import { minorToDecimal } from "../../../shared/money.ts";
import { endpoint } from "../_shared/api/endpoint.ts";
import { csvOf } from "../../../shared/csv.ts";

const Entry = z.object({
  day: z.string(),
  transaction_id: z.string(),
  kind: z.string(),
  number: z.string().nullable(),
  client: z.string(),
  client_id: z.string(),
  account: z.string(),
  processor: z.string().nullable(),
  debit_minor: z.int(),
  credit_minor: z.int(),
  currency: z.string(),
  taxes: z.string().nullable(),
  posted_at: z.string(),
  exponent: z.union([z.literal(0), z.literal(2), z.literal(3)]),
});

const HEAD = [
  "day",
  "transaction",
  "kind",
  "number",
  "client",
  "client_id",
  "account",
  "processor",
  "debit",
  "credit",
  "currency",
  "taxes",
  "posted_at",
];

/** The ledger, for bookkeeping. */
export const journalEndpoints = [
  endpoint(exportJournal, async ({ sql }, { query: { month } }) => {
    const rows = await sql<{ item: unknown }[]>`
      select jsonb_build_object('day', (j.at at time zone 'UTC')::date) || to_jsonb(j)
        || jsonb_build_object('exponent', c.exponent) as item
      from billing.journal j join public.currencies c on c.code = j.currency
      where j.at >= (${month} || '-01')::date::timestamp at time zone 'UTC'
        and j.at < ((${month} || '-01')::date + interval '1 month') at time zone 'UTC'
      order by j.at, j.transaction_id, j.account, j.processor`;
    return csvOf(HEAD, z.array(Entry).parse(rows.map(({ item }) => item)).map(cells));
  }),
];

function cells(entry: z.infer<typeof Entry>): (string | null)[] {
  const money = (minor: number) => minor === 0 ? null : minorToDecimal(minor, entry.exponent);
  return [
    entry.day,
    entry.transaction_id,
    entry.kind,
    entry.number,
    entry.client,
    entry.client_id,
    entry.account,
    entry.processor,
    money(entry.debit_minor),
    money(entry.credit_minor),
    entry.currency,
    entry.taxes,
    entry.posted_at,
  ];
}
