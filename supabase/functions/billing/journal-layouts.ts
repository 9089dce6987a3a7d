import { z } from "zod";
import { problem } from "../../../shared/errors.ts";
import { LAYOUTS } from "../../../shared/journal/layouts.ts";
import { codeOf, type Journal, type Movement } from "../../../shared/journal/movement.ts";
import type { Session } from "../_shared/api/session.ts";
import { ProblemError } from "../_shared/http/problem.ts";
import type { JournalEntry } from "./journal-entry.ts";

const Settings = z.object({
  exponent: z.union([z.literal(0), z.literal(2), z.literal(3)]),
  consultant: z.int().nullable(),
  client: z.int().nullable(),
  account_length: z.int(),
  fiscal_year_month: z.int(),
  made_at: z.coerce.date(),
  used: z.array(z.object({ account: z.string(), processor: z.string().nullable() })),
  codes: z.array(z.object({
    account: z.string(),
    processor: z.string(),
    code: z.string(),
    tax_code: z.string().nullable(),
  })),
});

/** What the journal of a month and currency is written with. A problem where something is missing. */
export async function journalOf(
  { sql }: Session,
  layout: keyof typeof LAYOUTS,
  { month, currency }: Pick<Journal, "month" | "currency">,
): Promise<Journal> {
  const [row] = await sql<{ item: unknown }[]>`
    select jsonb_build_object('exponent', c.exponent, 'consultant', s.datev_consultant,
      'client', s.datev_client, 'account_length', s.datev_account_length,
      'fiscal_year_month', s.fiscal_year_month, 'made_at', now(),
      'used', (
        select coalesce(jsonb_agg(distinct jsonb_build_object('account', a.kind,
          'processor', a.processor)), '[]')
        from billing.ledger_accounts a
        where a.currency = c.code and exists (
          select from billing.ledger_entries e where e.account_id = a.id
            and e.effective_at >= (${month} || '-01')::date::timestamp at time zone 'UTC'
            and e.effective_at <
              ((${month} || '-01')::date + interval '1 month') at time zone 'UTC')),
      'codes', (
        select coalesce(jsonb_agg(to_jsonb(h) - 'layout'), '[]')
        from public.chart_of_accounts h where h.layout = ${layout})) as item
    from public.currencies c cross join public.billing_settings s
    where c.code = ${currency}`;
  if (row === undefined) {
    throw new ProblemError(problem("bad_request", `currency ${currency} is not known`));
  }
  const { used, codes, ...settings } = Settings.parse(row.item);
  const chart = codes.map(({ tax_code, ...code }) => ({ ...code, taxCode: tax_code }));
  const found = used.map((account) => ({ account, code: codeOf(account, chart) }));
  const journal = {
    month,
    currency,
    exponent: settings.exponent,
    codes: [...new Set(found.flatMap(({ code }) => code === undefined ? [] : [code]))],
    datev: {
      consultant: settings.consultant,
      client: settings.client,
      accountLength: settings.account_length,
      fiscalYearMonth: settings.fiscal_year_month,
    },
    madeAt: settings.made_at,
  };
  const missing = found.filter(({ code }) => code === undefined).map(({ account }) =>
    `account ${[account.account, account.processor].filter(Boolean).join(" ")} has no row of ` +
    `layout ${layout} in chart_of_accounts`
  );
  const problems = [...missing, ...LAYOUTS[layout].problems(journal)];
  if (problems.length === 0) return journal;
  throw new ProblemError(
    problem("bookkeeping_not_set", problems.join("; ")),
  );
}

/** Entries that stand together as the movements that they are of; entries of nothing are left out. */
export function movementsOf(entries: readonly JournalEntry[]): Movement[] {
  const moving = entries.filter(({ debit_minor, credit_minor }) => debit_minor !== credit_minor);
  return [...Map.groupBy(moving, ({ transaction_id }) => transaction_id)].flatMap(
    ([id, [first, ...others]]) =>
      first === undefined ? [] : [{
        id,
        day: first.day,
        kind: first.kind,
        number: first.number,
        client: first.client,
        entries: [first, ...others].map(({ account, processor, debit_minor, credit_minor }) => ({
          account,
          processor,
          minor: debit_minor - credit_minor,
        })),
      }],
  );
}
