import * as routes from "../../../shared/api/operations.ts";
import { ROUTES } from "../../../shared/api/routes.ts";
import { openApiDocument } from "../../../shared/api/openapi.ts";
import { problem } from "../../../shared/errors.ts";
import { endpoint } from "../_shared/api/endpoint.ts";
import { ProblemError } from "../_shared/http/problem.ts";
import { cursorKeys, pageOf, type PageRow } from "./api/page.ts";
import type { Session } from "../_shared/api/session.ts";
import { readClient } from "./clients.ts";
import { cure, tryCure } from "./quarantine.ts";

/** Differences that one answer shows. */
const DIFFERENCES = 1000;

/** What runs the billing: the monthly run, quarantine, reconciliation, statements, health. */
export const operationEndpoints = [
  endpoint(routes.runMonth, async ({ sql }, { body: { as_of } }) => {
    const [row] = await sql<{ summary: unknown; future: boolean }[]>`
      select case when not x.future then billing.run_monthly(x.as_of) end as summary, x.future
      from (select t.as_of, t.as_of > now() as future
        from (select coalesce(${as_of ?? null}::text::timestamptz, billing.as_of())) t(as_of)) x`;
    if (row?.future) {
      throw new ProblemError(problem("bad_request", undefined, [
        { pointer: "/as_of", detail: "lies in the future" },
      ]));
    }
    return row?.summary;
  }),
  endpoint(routes.listRuns, async ({ sql }, { query }) => {
    const after = cursorKeys(query.cursor, 1);
    const rows = await sql<PageRow[]>`
      select to_jsonb(r) - '{repaired,repaired_until}'::text[] as item, array[r.id::text] as keys
      from billing.monthly_runs r
      where r.finished_at is not null and (${after?.[0] ?? null}::text is null
        or r.id < ${after?.[0] ?? null}::text::bigint)
      order by r.id desc limit ${query.limit + 1}`;
    return pageOf(rows, query.limit);
  }),
  endpoint(routes.listReconciliations, async ({ sql }, { query }) => {
    const [at = null, id = null] = cursorKeys(query.cursor, 2) ?? [];
    const rows = await sql<PageRow[]>`
      select jsonb_build_object('id', r.id, 'livemode', r.livemode, 'days', r.days,
          'started_at', r.started_at, 'worked_at', r.worked_at, 'finished_at', r.finished_at,
          'step', r.step, 'missed_events', coalesce((r.report ->> 'missed_events')::int, 0),
          'told', coalesce((r.report ->> 'told')::int, 0),
          'found', found.shown, 'found_count', found.count, 'left', rest.shown,
          'left_count', rest.count) as item,
        array[r.started_at::text, r.id::text] as keys
      from billing.stripe_reconciliations r
      cross join lateral (${differences(sql, "found")}) found
      cross join lateral (${differences(sql, "left")}) rest
      where ${at}::text is null
        or (r.started_at, r.id) < (${at}::text::timestamptz, ${id}::text::uuid)
      order by r.started_at desc, r.id desc limit ${query.limit + 1}`;
    return pageOf(rows, query.limit);
  }),
  endpoint(routes.listQuarantine, async ({ sql }, { query }) => {
    const rows = await sql<PageRow[]>`
      select to_jsonb(q) as item, array[q.reason, coalesce(q.agent, ''), coalesce(q.model, ''),
        coalesce(q.metric, ''), coalesce(q.client_id::text, ''),
        coalesce(q.rate_class, '')] as keys
      from billing.list_quarantine(${query.limit + 1}, ${query.reason ?? null}::text,
        ${cursorKeys(query.cursor, 6)}::text[]) q`;
    return pageOf(rows, query.limit);
  }),
  endpoint(
    routes.resolveQuarantine,
    (session, { body }) => body.dry_run ? tryCure(session, body) : cure(session, body),
  ),
  endpoint(routes.listJobs, async ({ sql }) => {
    const rows = await sql<{ item: unknown }[]>`
      select jsonb_build_object('name', j.name, 'purpose', j.purpose, 'schedule', j.schedule,
        'active', j.active, 'last_started_at', j.last_started_at, 'last_outcome', j.last_outcome,
        'next_run_at', j.next_run_at, 'warning', j.warning) as item
      from billing.jobs j order by j.name`;
    return { data: rows.map(({ item }) => item) };
  }),
  endpoint(routes.clientStatement, async (session, { params: { client_id }, query }) => {
    await readClient(session, client_id);
    await session.asService();
    // Of what was posted until the first page was read: later entries may be dated back.
    const [until = null, ...after] = cursorKeys(query.cursor, 8) ?? [];
    const rows = await session.sql<PageRow[]>`
      select to_jsonb(s) - 'place' as item, u.until::text || s.place as keys
      from (select coalesce(${until}::text::timestamptz, now()) as until) u
      cross join lateral billing.statement_entries(${client_id}::text::uuid, ${query.year},
        u.until) s
      where ${until}::text is null or s.place > ${after}::text[]
      order by s.place limit ${query.limit + 1}`;
    return pageOf(rows, query.limit);
  }),
  endpoint(routes.reconcile, async ({ sql }, { query: { start, end } }) => {
    if (start > end) throw new ProblemError(problem("bad_request", "start lies after end"));
    const rows = await sql<{ item: unknown }[]>`
      select jsonb_build_object('client_id', d.client_id, 'day', d.usage_day, 'model', d.model,
        'metric', d.metric, 'rate_class', d.rate_class, 'agent', d.agent, 
        'logged', trim_scale(d.logged)::text, 'recorded', trim_scale(d.recorded)::text) as item
      from billing.usage_discrepancies(
        daterange(${start}::text::date, ${end}::text::date, '[]')) d limit ${DIFFERENCES + 1}`;
    return {
      data: rows.slice(0, DIFFERENCES).map(({ item }) => item),
      more: rows.length > DIFFERENCES,
    };
  }),
  endpoint(routes.health, async (session) => {
    const [row] = await session.sql<{ item: object; attention: boolean }[]>`
      select jsonb_build_object('counted_at', w.moved_at, 'parts', h.parts,
          'blocked_periods', (select count(*) from public.billing_periods p
            where p.state = 'blocked'),
          'quarantined_rows', (select count(*) from (select from billing.quarantined_logs q
            where not q.dismissed limit ${routes.MOST_COUNTED}) few),
          'last_run_at', (select max(r.finished_at) from billing.monthly_runs r)) as item,
        h.attention
      from billing.usage_watermark w
      cross join (select jsonb_agg(to_jsonb(x)) as parts, bool_or(x.state <> 'fine') as attention
        from billing.health x) h`;
    return { ...row?.item, status: row?.attention ? "attention" : "ok" };
  }),
  endpoint(routes.openApi, () => Promise.resolve(document)),
];

/** The first differences of a list of a reconciliation's report, and how many there are. */
function differences(sql: Session["sql"], list: "found" | "left") {
  return sql`
    select count(*)::int as count, coalesce(jsonb_agg(jsonb_build_object(
        'kind', d.value ->> 'kind', 'number', d.value ->> 'number',
        'stripe_invoice_id', d.value ->> 'stripe_invoice_id', 'ours', d.value ->> 'ours',
        'stripes', d.value ->> 'stripes') order by d.place)
      filter (where d.place <= ${routes.MOST_DIFFERENCES}), '[]') as shown
    from jsonb_array_elements(coalesce(r.report -> ${list}::text, '[]'))
      with ordinality d(value, place)`;
}

const document = openApiDocument(ROUTES);
