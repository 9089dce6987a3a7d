/** Grants of credit: paid ones that pay, and promotional ones that are a discount before tax. */
import type { Sql } from "postgres";
import { z } from "zod";
import type { CreditEntry } from "../../rater/credit-events.ts";
import { rateCredits } from "../../rater/read-credits.ts";
import type { PromotionalCredit } from "../../../shared/rater/promotional.ts";
import type { GrantTerms } from "../cases/world.ts";
import type { Move } from "./moves.ts";
import type { Plan } from "./steps.ts";
import { addDays, type Known, nowOf, type State } from "./state.ts";

/** Half of the grants are for all usage. */
const SCOPES: readonly Partial<GrantTerms>[] = [
  { metrics: ["units"] },
  { metrics: ["input_tokens", "output_tokens"] },
  { models: ["gpt-4o"] },
  { agents: ["ALPHA"] },
];

/** Credit for one month or for many, of which some expires before it is used. */
export function planGrant(state: State, client: Known, { a, b, c }: Move): Plan {
  const kind = a % 2 === 0 ? "promotional" : "paid";
  const days = [null, 10, 40, 90][b % 4] ?? null;
  const terms: GrantTerms = {
    kind,
    priority: 50 - c % 3,
    ...days === null ? {} : { expires_on: addDays(state.day, days) },
    ...SCOPES[7 - c % 8] ?? {},
  };
  const amount = [1200, 90, 4000, 777, 250_000][(a + c) % 5] ?? 1200;
  const at = nowOf(state);
  return {
    owner: client.key,
    step: () => ({ do: "grant", key: client.key, amount, at, terms }),
  };
}

/** Each entry of a grant is the one that the independent rater finds from all that has happened. */
export async function isCreditRated(sql: Sql): Promise<string[]> {
  const { booked, rated } = await rateCredits(sql);
  const [inBooks, byRater] = [new Set(booked.map(textOf)), new Set(rated.map(textOf))];
  return [
    ...[...inBooks].filter((entry) => !byRater.has(entry)).map((entry) => `booked: ${entry}`),
    ...[...byRater].filter((entry) => !inBooks.has(entry)).map((entry) => `by rater: ${entry}`),
    ...booked.length === rated.length ? [] : [`${booked.length} entries, not ${rated.length}`],
  ];
}

function textOf({ grant, kind, amount, at, line }: CreditEntry): string {
  return `grant ${grant} ${kind} ${amount} at ${at} line ${line}`;
}

const uses = z.array(z.object({
  section: z.string(),
  rating_key: z.string(),
  used: z.coerce.bigint(),
}));
const names = z.tuple([z.string().nullable(), z.string().nullable(), z.string().nullable()]);

/** What each section uses of promotional grants, by the keys of its lines: `promotional|id|names`. */
export async function promotionalOf(sql: Sql): Promise<Map<string, PromotionalCredit[]>> {
  const rows = uses.parse(
    await sql`
      select concat_ws(' ', x.client_id, x.section_start) as section, x.rating_key,
        sum(x.used)::text as used
      from (
        select i.client_id, l.section_start, l.rating_key, -l.amount_minor as used
        from public.invoice_lines l join public.invoices i on i.id = l.invoice_id
        where l.kind = 'promotional_credit' and i.status <> 'void'
        union all
        select n.client_id, l.section_start, l.rating_key, l.amount_minor
        from public.credit_note_lines l join public.credit_notes n on n.id = l.credit_note_id
        where l.kind = 'promotional_credit'
      ) x group by x.client_id, x.section_start, x.rating_key
      having sum(x.used) > 0 order by x.rating_key`,
  );
  const grouped = Map.groupBy(rows, ({ section }) => section);
  return new Map([...grouped].map(([section, all]) => [
    section,
    all.map(({ rating_key, used }) => {
      const [metric, model, agent] = names.parse(
        JSON.parse(rating_key.split("|").slice(2).join("|")),
      );
      return { amountMinor: used, metric, model, agent };
    }),
  ]));
}
