import { z } from "zod";
import * as routes from "../../../shared/api/terms.ts";
import { type Endpoint, endpoint } from "../_shared/api/endpoint.ts";
import { cursorKeys, pageOf, type PageRow } from "./api/page.ts";
import { takenBack } from "./api/dry-run.ts";
import { deleteRow, found, insertRow, openRange, updateRow } from "./api/rows.ts";
import type { Session } from "../_shared/api/session.ts";
import { readClient } from "./clients.ts";

/** Assignments, config and prices: what a client is billed by. */
export const termEndpoints: readonly Endpoint[] = [
  endpoint(routes.listAssignments, async ({ sql }, { query }) => {
    const after = cursorKeys(query.cursor, 2);
    const rows = await sql<PageRow[]>`
      select ${assignmentItem(sql)} as item, array[a.agent, a.id::text] as keys
      from public.agent_assignments a
      where (${query.client_id ?? null}::text is null
          or a.client_id = ${query.client_id ?? null}::text::uuid)
        and (${query.agent ?? null}::text is null or a.agent = ${query.agent ?? null}::text)
        and (${after?.[0] ?? null}::text is null or (a.agent, a.id::text)
          > (${after?.[0] ?? null}::text, ${after?.[1] ?? null}::text))
      order by a.agent, a.id::text limit ${query.limit + 1}`;
    return pageOf(rows, query.limit);
  }),
  endpoint(
    routes.createAssignment,
    async (session, { body }) =>
      readAssignment(session, await insertRow(session, "agent_assignments", openRange(body))),
  ),
  endpoint(routes.updateAssignment, async (session, { params: { id }, body }) => {
    await updateRow(session, "agent_assignments", id, openRange(body));
    return await readAssignment(session, id);
  }),
  endpoint(routes.removeAssignment, async (session, { params: { id } }) => {
    const item = await readAssignment(session, id);
    await deleteRow(session, "agent_assignments", id);
    return item;
  }),

  endpoint(routes.listConfigs, async ({ sql }, { query }) => {
    const after = cursorKeys(query.cursor, 2);
    const rows = await sql<PageRow[]>`
      select ${configItem(sql)} as item, array[c.effective_from::text, c.id::text] as keys
      from public.billing_config c
      where c.client_id is not distinct from ${query.client_id ?? null}::text::uuid
        and (${after?.[0] ?? null}::text is null or (c.effective_from, c.id::text)
          > (${after?.[0] ?? null}::text::date, ${after?.[1] ?? null}::text))
      order by c.effective_from, c.id::text limit ${query.limit + 1}`;
    return pageOf(rows, query.limit);
  }),
  endpoint(
    routes.createConfig,
    async (session, { body }) => readConfig(session, await addConfig(session, body)),
  ),
  endpoint(routes.previewConfig, async (session, { body }) => {
    await readClient(session, body.client_id);
    const before = await runningTotal(session, body.client_id);
    return await takenBack(session, async (inside) => {
      await addConfig(inside, body);
      return { before, after: await runningTotal(inside, body.client_id) };
    });
  }),
  endpoint(routes.updateConfig, async (session, { params: { id }, body }) => {
    await updateRow(session, "billing_config", id, openRange(body));
    return await readConfig(session, id);
  }),
  endpoint(routes.removeConfig, async (session, { params: { id } }) => {
    const item = await readConfig(session, id);
    await deleteRow(session, "billing_config", id);
    return item;
  }),

  endpoint(routes.explainPrice, async (session, { query }) => {
    const { client_id, model, metric, day, rate_class } = query;
    const { sql, caller } = session;
    if (caller.actor === "member") {
      await readClient(session, client_id);
      await session.asService();
    }
    const after = cursorKeys(query.cursor, 1)?.[0] ?? null;
    const rows = await sql<PageRow[]>`
      select array[e.rank::text] as keys, jsonb_build_object('rank', e.rank, 'chosen', e.chosen, 'price_id', e.price_id,
        'why', e.why, 'pricing_model', e.pricing_model,
        'unit_amount', trim_scale(e.unit_amount)::text,
        'per_units', trim_scale(e.per_units)::text, 'tiers', e.tiers,
        'free_units', trim_scale(e.free_units)::text, 'multiplier', trim_scale(e.multiplier)::text,
        'currency', e.currency, 'rate_class', e.price_class, ${range(sql, "e")}) as item
      from billing.explain_price(${client_id}::text::uuid, ${model}, ${metric},
        ${day}::text::date, ${rate_class}) e
      where ${after}::text is null or e.rank > ${after}::text::bigint
      order by e.rank limit ${query.limit + 1}`;
    return pageOf(rows, query.limit);
  }),
  endpoint(routes.listPrices, async ({ sql }, { query }) => {
    const after = cursorKeys(query.cursor, 4);
    const rows = await sql<PageRow[]>`
      select ${priceItem(sql)} as item,
        array[p.scope, p.metric, p.effective_from::text, p.id::text] as keys
      from public.prices p
      where p.client_id is not distinct from ${query.client_id ?? null}::text::uuid
        and (${query.metric ?? null}::text is null or p.metric = ${query.metric ?? null}::text)
        and (${query.rate_class ?? null}::text is null
          or p.rate_class = ${query.rate_class ?? null}::text)
        and (${query.on ?? null}::text is null or (p.effective_from <= ${
      query.on ?? null
    }::text::date
          and ${query.on ?? null}::text::date < p.effective_until))
        and (${after?.[0] ?? null}::text is null
          or (p.scope, p.metric, p.effective_from, p.id::text)
            > (${after?.[0] ?? null}::text, ${after?.[1] ?? null}::text,
              ${after?.[2] ?? null}::text::date, ${after?.[3] ?? null}::text))
      order by p.scope, p.metric, p.effective_from, p.id::text limit ${query.limit + 1}`;
    return pageOf(rows, query.limit);
  }),
  endpoint(
    routes.createPrice,
    async (session, { body }) =>
      readPrice(session, await insertRow(session, "prices", openRange(body))),
  ),
  endpoint(routes.updatePrice, async (session, { params: { id }, body }) => {
    await updateRow(session, "prices", id, openRange(body));
    return await readPrice(session, id);
  }),
  endpoint(routes.removePrice, async (session, { params: { id } }) => {
    const item = await readPrice(session, id);
    await deleteRow(session, "prices", id);
    return item;
  }),
];

async function readAssignment({ sql }: Session, id: string): Promise<unknown> {
  return found(
    await sql<{ item: unknown }[]>`
    select ${assignmentItem(sql)} as item from public.agent_assignments a
    where a.id = ${id}::text::uuid`,
  ).item;
}

async function readConfig({ sql }: Session, id: string): Promise<unknown> {
  return found(
    await sql<{ item: unknown }[]>`
    select ${configItem(sql)} as item from public.billing_config c
    where c.id = ${id}::text::uuid`,
  ).item;
}

async function readPrice({ sql }: Session, id: string): Promise<unknown> {
  return found(
    await sql<{ item: unknown }[]>`
    select ${priceItem(sql)} as item from public.prices p where p.id = ${id}::text::uuid`,
  ).item;
}

function assignmentItem(sql: Session["sql"]) {
  return sql`jsonb_build_object('id', a.id, 'agent', a.agent, 'client_id', a.client_id,
    'starts_at', case when isfinite(a.starts_at) then a.starts_at end,
    'ends_at', case when isfinite(a.ends_at) then a.ends_at end)`;
}

function configItem(sql: Session["sql"]) {
  return sql`jsonb_build_object('id', c.id, 'client_id', c.client_id, 'currency', c.currency,
    'minimum_minor', c.minimum_minor,
    'discount_percent', trim_scale(c.discount_percent)::text,
    'discount_minor', c.discount_minor, 'discount_until', c.discount_until, 'taxes', c.taxes,
    'payment_terms_days', c.payment_terms_days, 'line_grouping', c.line_grouping,
    'grace_hours', c.grace_hours, 'deliveries', c.deliveries, ${range(sql, "c")})`;
}

function priceItem(sql: Session["sql"]) {
  return sql`jsonb_build_object('id', p.id, 'client_id', p.client_id, 'model', p.model,
    'family', p.family, 'metric', p.metric, 'rate_class', p.rate_class, 'currency', p.currency,
    'pricing_model', p.pricing_model, 'unit_amount', trim_scale(p.unit_amount)::text,
    'per_units', trim_scale(p.per_units)::text, 'tiers', p.tiers,
    'free_units', trim_scale(p.free_units)::text,
    'class_multipliers', (select coalesce(jsonb_object_agg(m.key, trim_scale(m.value::numeric)::text),
      '{}') from jsonb_each_text(p.class_multipliers) m),
    'markup_percent', trim_scale(p.markup_percent)::text,
    'cost_basis', p.cost_basis, ${range(sql, "p")})`;
}

/** The range of days of a row, open ends as null. */
function range(sql: Session["sql"], alias: string) {
  return sql`
    'effective_from', case when isfinite(${sql(alias)}.effective_from)
      then ${sql(alias)}.effective_from end,
    'effective_until', case when isfinite(${sql(alias)}.effective_until)
      then ${sql(alias)}.effective_until end`;
}

const Running = z.object({
  currency: z.string(),
  period: z.object({ start: z.string(), end: z.string() }),
  totals: z.object({ total_minor: z.number() }),
});

/** What the running period's invoice would come to; null where there is nothing to bill. */
async function runningTotal({ sql }: Session, clientId: string) {
  const [row] = await sql<{ document: unknown }[]>`
    select billing.preview_invoice(${clientId}::text::uuid, null, billing.as_of()) as document`;
  const { data } = Running.safeParse(row?.document);
  if (data === undefined) return null;
  const { currency, period: { start, end }, totals: { total_minor } } = data;
  return { period: { start, end }, currency, total_minor };
}

/** Adds config, after the one that holds on its first day has been ended where that is asked for. */
async function addConfig(
  session: Session,
  { ends_previous, ...config }: z.output<typeof routes.createConfig.body>,
): Promise<string> {
  const { client_id, effective_from = null } = config;
  if (ends_previous && effective_from !== null) {
    await session.sql`
      update public.billing_config c set effective_until = ${effective_from}::text::date
      where c.client_id is not distinct from ${client_id}::text::uuid
        and c.effective_from < ${effective_from}::text::date
        and c.effective_until > ${effective_from}::text::date`;
  }
  return await insertRow(session, "billing_config", openRange(config));
}
