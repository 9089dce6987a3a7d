import { z } from "zod";
import * as routes from "../../../shared/api/payouts.ts";
import { problem } from "../../../shared/errors.ts";
import { minorToDecimal } from "../../../shared/money.ts";
import { endpoint } from "../_shared/api/endpoint.ts";
import type { Session } from "../_shared/api/session.ts";
import { ProblemError } from "../_shared/http/problem.ts";
import { csvOf } from "../../../shared/csv.ts";
import { cursorKeys, pageOf, type PageRow } from "./api/page.ts";

const Line = z.object({
  payout_id: z.string(),
  arrives_on: z.string(),
  payout_status: z.string(),
  category: z.string(),
  invoices: z.string().nullable(),
  clients: z.string().nullable(),
  gross_minor: z.int(),
  fee_minor: z.int(),
  net_minor: z.int(),
  currency: z.string(),
  exponent: z.union([z.literal(0), z.literal(2), z.literal(3)]),
  transaction_id: z.string().nullable(),
  created_at: z.string().nullable(),
  description: z.string().nullable(),
});

const HEAD = [
  "payout",
  "arrives_on",
  "status",
  "category",
  "invoices",
  "clients",
  "gross",
  "fee",
  "net",
  "currency",
  "transaction",
  "created_at",
  "description",
];

/** Payouts of Stripe, matched with invoices, refunds and fees. */
export const payoutEndpoints = [
  endpoint(routes.listPayouts, async ({ sql }, { query: { month, limit, cursor } }) => {
    const after = cursorKeys(cursor, 2);
    const rows = await sql<PageRow[]>`
      select to_jsonb(p) as item, array[o.created_at::text, p.payout_id] as keys
      from billing.payout_sums p join public.stripe_payouts o on o.payout_id = p.payout_id
      where to_char(p.arrives_on, 'YYYY-MM') = ${month}
        and (${after?.[0] ?? null}::text is null or (o.created_at, p.payout_id)
          > (${after?.[0] ?? null}::text::timestamptz, ${after?.[1] ?? null}::text))
      order by o.created_at, p.payout_id limit ${limit + 1}`;
    return pageOf(rows, limit);
  }),
  // After the lines of a payout one of category `payout` with their sums; its net is what arrives. In
  // the order of what Stripe never changes: the day of arrival moves while a payout is under way.
  endpoint(routes.payoutLines, async ({ sql }, { query: { month, after, limit } }) => {
    const keys = after === undefined ? null : await keysOfLine(sql, after);
    const rows = await sql<{ item: unknown }[]>`
      select to_jsonb(x) || jsonb_build_object('exponent', coalesce(c.exponent, 2)) as item
      from (
        select l.payout_id, l.arrives_on, l.payout_status, l.category, l.invoices, l.clients,
          l.gross_minor, l.fee_minor, l.net_minor, l.currency, l.transaction_id, l.created_at,
          l.description, 1 as place
        from billing.payout_lines l where to_char(l.arrives_on, 'YYYY-MM') = ${month}
        union all
        select s.payout_id, s.arrives_on, s.status, 'payout', null, null, s.gross_minor,
          s.fee_minor, s.amount_minor, s.currency, null, null, null, 2
        from billing.payout_sums s where to_char(s.arrives_on, 'YYYY-MM') = ${month}
      ) x
      join public.stripe_payouts o on o.payout_id = x.payout_id
      left join public.currencies c on c.code = x.currency
      cross join lateral (select coalesce(x.created_at, 'infinity') as created_at,
        coalesce(x.transaction_id, '') as transaction_id, ${keys}::text[] as keys) k
      where k.keys is null
        or (o.created_at, o.payout_id, x.place, k.created_at, k.transaction_id)
          > (k.keys[1]::timestamptz, k.keys[2], k.keys[3]::integer, k.keys[4]::timestamptz,
            k.keys[5])
      order by o.created_at, o.payout_id, x.place, k.created_at, k.transaction_id
      limit ${limit}`;
    return csvOf(HEAD, z.array(Line).parse(rows.map(({ item }) => item)).map(cells));
  }),
];

/** Where a line stands that is named by its payout and transaction; of sums by the payout alone. */
async function keysOfLine(sql: Session["sql"], line: string): Promise<readonly string[]> {
  const [payout = "", transaction = ""] = line.split("/");
  const [found] = await sql<{ keys: string[] }[]>`
    select array[o.created_at::text, o.payout_id, case ${transaction}::text when '' then '2'
      else '1' end, coalesce(t.created_at::text, 'infinity'), ${transaction}::text] as keys
    from public.stripe_payouts o
    left join public.stripe_payout_transactions t
      on t.payout_id = o.payout_id and t.transaction_id = ${transaction}::text
    where o.payout_id = ${payout}::text
      and (t.transaction_id is not null or ${transaction}::text = '')`;
  if (found !== undefined) return found.keys;
  throw new ProblemError(problem("bad_request", "after names no line; begin without it"));
}

function cells(line: z.infer<typeof Line>): (string | null)[] {
  const money = (minor: number) => minorToDecimal(minor, line.exponent);
  return [
    line.payout_id,
    line.arrives_on,
    line.payout_status,
    line.category,
    line.invoices,
    line.clients,
    money(line.gross_minor),
    money(line.fee_minor),
    money(line.net_minor),
    line.currency,
    line.transaction_id,
    line.created_at,
    line.description,
  ];
}
