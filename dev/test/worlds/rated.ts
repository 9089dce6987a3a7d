/** The books against the independent rater, section by section, in both directions. */
import type { Sql } from "postgres";
import { z } from "zod";
import { multiply, parseDecimal } from "../../../shared/rater/fraction.ts";
import { member, parseExactJson, textOf } from "../../../shared/rater/json.ts";
import { type PeriodResult, rateMonth, type Recorded } from "../../../shared/rater/rate-month.ts";
import { readWorld } from "../../rater/read-world.ts";
import type { LogRow, World } from "../../../shared/rater/world.ts";
import { promotionalOf } from "./credit.ts";
import type { State } from "./state.ts";

const sectionRows = z.array(z.object({
  client_id: z.string(),
  period_start: z.string(),
  period_end: z.string(),
  state: z.string(),
  usage_changed: z.boolean(),
  is_draft: z.boolean(),
  booked: z.coerce.bigint(),
  creditable: z.coerce.bigint(),
}));
type Section = z.infer<typeof sectionRows>[number];

/**
 * What is charged for each settled period, net of credit notes, is what it is rated at. More is
 * right only where nothing is left to be credited on the invoices that charged it, less only where
 * the difference waits for an invoice to go on.
 */
export async function isRatedAsBooked(state: State): Promise<string[]> {
  const { sql, day } = state;
  const sections = await readSections(sql, [...state.clients.values()]);
  const world = standing(await readWorld(sql));
  const rating = rateMonth(
    world,
    { asOf: `${day} 00:00:00+00` },
    await recordedOf(state, sections),
  );
  const rated = new Map(
    rating.periods.map((period) => [`${period.client.id} ${period.period.start}`, period]),
  );
  return sections.flatMap((section) => {
    const period = rated.get(`${section.client_id} ${section.period_start}`);
    const isSettled = ["invoiced", "skipped"].includes(section.state);
    if (!isSettled || period === undefined || isUnclear(state, section)) return [];
    const total = totalOf(period);
    if (total === undefined) {
      // What is not known cannot be settled, unless it came later.
      const isKnown = period.outcome !== "blocked" || period.reason !== "unknown_provider";
      return isKnown || section.usage_changed || section.is_draft ? [] : [
        `${period.client.name} ${section.period_start} ${section.state}: of unknown counting`,
      ];
    }
    const missing = total - section.booked;
    const mayWait = section.usage_changed || section.is_draft;
    if (missing === 0n || (missing > 0n && mayWait && section.usage_changed)) return [];
    if (missing < 0n && section.creditable <= 0n) return [];
    return [
      `${period.client.name} ${section.period_start} ${section.state}: rated ${total}, booked ` +
      `${section.booked}, creditable ${section.creditable}, changed ${section.usage_changed}`,
      ...linesOf(period),
    ];
  });
}

function totalOf(period: PeriodResult): bigint | undefined {
  if (period.outcome === "blocked") return undefined;
  return period.outcome === "skipped" ? 0n : period.totals.totalMinor;
}

function linesOf(period: PeriodResult): string[] {
  return period.outcome === "invoiced"
    ? period.lines.map((line) =>
      `  rated: ${line.kind} ${line.kind === "usage" ? line.metric : ""} ${line.amountMinor}`
    )
    : [];
}

function isUnclear({ known, clients }: State, section: Section): boolean {
  const client = known.find(({ key }) => clients.get(key) === section.client_id);
  return client === undefined ||
    [...client.gaps, ...client.unclear].some(({ from, until }) =>
      from < section.period_end && section.period_start < until
    );
}

/** What each period has booked, drafts included, and what could be credited for it yet. */
async function readSections(sql: Sql, ids: readonly string[]): Promise<Section[]> {
  return sectionRows.parse(
    await sql`
      with line as (
        select i.client_id, l.section_start, i.id as invoice_id, l.amount_minor
        from public.invoice_lines l join public.invoices i on i.id = l.invoice_id
        where i.status <> 'void' and l.section_start is not null
          and l.tax_behavior is distinct from 'inclusive'
          and l.tax_behavior is distinct from 'reverse_charge'
        union all
        select n.client_id, l.section_start, n.invoice_id, -l.amount_minor
        from public.credit_note_lines l join public.credit_notes n on n.id = l.credit_note_id
        where l.section_start is not null
          and not (l.kind = 'tax' and l.rating_key like '%|inclusive')
      ), of_invoice as (
        select client_id, section_start, invoice_id, sum(amount_minor) as amount
        from line group by 1, 2, 3
      ), left_of as (
        select i.id, i.total_minor - coalesce((select sum(n.total_minor)
          from public.credit_notes n where n.invoice_id = i.id), 0) as rest
        from public.invoices i where i.status in ('open', 'paid', 'uncollectible')
      )
      select p.client_id, p.period_start::text, p.period_end::text, p.state, p.usage_changed,
        exists (select from public.invoices d where d.client_id = p.client_id
          and d.period_start = p.period_start and d.status = 'draft') as is_draft,
        coalesce((select sum(o.amount) from of_invoice o where o.client_id = p.client_id
          and o.section_start = p.period_start), 0)::text as booked,
        coalesce((select sum(greatest(least(o.amount, x.rest), 0)) from of_invoice o
          join left_of x on x.id = o.invoice_id where o.client_id = p.client_id
          and o.section_start = p.period_start), 0)::text as creditable
      from public.billing_periods p where p.client_id = any (${ids})`,
  );
}

/**
 * Logs as they stand: one that was taken back is as if it had never come, one that was stated anew
 * counts as it was stated. So a correction mirrors what was recorded, whatever its counts say.
 */
function standing(world: World): World {
  const named = (log: LogRow, key: string) => {
    const value = log.corrects_id === null ? undefined : member(parseExactJson(log.metadata), key);
    return value === undefined ? undefined : textOf(value);
  };
  const gone = new Set(world.logs.flatMap((log) => named(log, "negates") ?? []));
  const logs = world.logs
    .filter((log) => !gone.has(log.id ?? "") && named(log, "negates") === undefined)
    .map((log) => named(log, "restates") === undefined ? log : { ...log, corrects_id: null });
  return { ...world, logs };
}

const itemRows = z.array(z.object({
  client_id: z.string(),
  section_start: z.string(),
  quantity: z.string(),
  unit_amount: z.string(),
}));
const meterRows = z.array(z.object({
  client_id: z.string(),
  metric: z.string(),
  rate_class: z.string(),
  model: z.string().nullable(),
  effective_from: z.string(),
  effective_until: z.string(),
}));

async function recordedOf(
  { sql, anchors }: State,
  sections: readonly Section[],
): Promise<Recorded> {
  const items = itemRows.parse(
    await sql`
      select i.client_id, x.section_start::text, i.quantity::text, i.unit_amount::text
      from (
        select l.rating_key, l.section_start from public.invoice_lines l
        join public.invoices v on v.id = l.invoice_id
        where v.status <> 'void' and l.section_start is not null and l.rating_key like 'item|%'
        union
        select 'item|' || t.id, t.section_start from public.invoice_items t
        where t.section_start is not null and t.invoice_id is null
      ) x join public.invoice_items i on 'item|' || i.id = x.rating_key`,
  );
  const grouped = Map.groupBy(items, (item) => `${item.client_id} ${item.section_start}`);
  return {
    periods: Map.groupBy(
      sections.map(({ client_id, period_start, period_end }) => ({
        client_id,
        start: period_start,
        end: period_end,
        anchor: anchors.get(`${client_id} ${period_start}`) ?? 1,
      })),
      ({ client_id }) => client_id,
    ),
    items: new Map([...grouped].map(([section, rows]) => [
      section,
      rows.map((row) => multiply(parseDecimal(row.quantity), parseDecimal(row.unit_amount))),
    ])),
    promotional: await promotionalOf(sql),
    meters: meterRows.parse(
      await sql`
        select client_id, metric, rate_class, model, effective_from::text, effective_until::text
        from public.stripe_meters`,
    ),
  };
}
