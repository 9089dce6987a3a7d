import * as routes from "../../../shared/api/catalogue.ts";
import { problem } from "../../../shared/errors.ts";
import { endpoint } from "../_shared/api/endpoint.ts";
import type { Session } from "../_shared/api/session.ts";
import { ProblemError } from "../_shared/http/problem.ts";
import { cursorKeys, pageOf, type PageRow } from "./api/page.ts";
import { found } from "./api/rows.ts";

/** The catalogue of list prices, and decisions about it. */
export const catalogueEndpoints = [
  endpoint(routes.listModels, async ({ sql }, { query }) => {
    const after = cursorKeys(query.cursor, 1)?.[0] ?? null;
    const rows = await sql<PageRow[]>`
      select jsonb_build_object('id', m.id, 'provider', m.provider, 'mode', m.mode,
          'alias_of', m.alias_of, 'deprecated_on', m.deprecated_on, 'prices', (
            select coalesce(jsonb_agg(jsonb_build_object('metric', l.metric,
              'rate_class', l.rate_class, 'above_tokens', l.above_tokens,
              'amount', trim_scale(l.amount)::text,
              'effective_from', case when isfinite(l.effective_from) then l.effective_from end,
              'source', s.source, 'fetched_at', s.fetched_at)
              order by l.metric, l.rate_class <> 'standard', l.rate_class), '[]')
            from public.list_prices l join public.price_syncs s on s.id = l.sync_id
            where l.model = m.id and l.effective_from <= current_date
              and current_date < l.effective_until)) as item,
        array[m.id] as keys
      from public.listed_models m
      where (${query.search ?? null}::text is null
          or strpos(lower(m.id), lower(${query.search ?? null}::text)) > 0)
        and (${query.provider ?? null}::text is null or m.provider = ${
      query.provider ?? null
    }::text)
        and (${after}::text is null or m.id > ${after}::text)
      order by m.id limit ${query.limit + 1}`;
    return pageOf(rows, query.limit);
  }),
  endpoint(routes.syncListPrices, async ({ sql }, { body }) =>
    found(
      await sql`
        select new_models, new_prices, proposals from billing.sync_list_prices(${body.source},
          ${body.sha256}, ${body.fetched_at}::text::timestamptz, ${body.total},
          ${JSON.stringify(body.models)}::text::jsonb)`,
    )),
  endpoint(routes.listPriceProposals, async ({ sql }, { query }) => {
    const after = cursorKeys(query.cursor, 1)?.[0] ?? null;
    const rows = await sql<PageRow[]>`
      select ${proposalItem(sql)} as item, array[p.id::text] as keys
      from public.price_proposals p
      where p.state = ${query.state} and (${after}::text is null or p.id > ${after}::text::bigint)
      order by p.id limit ${query.limit + 1}`;
    return pageOf(rows, query.limit);
  }),
  endpoint(routes.acceptPriceProposal, async (session, { params: { proposal_id }, body }) => {
    await session.sql`
      select billing.accept_price_proposal(${proposal_id}::text::bigint, ${body.reason},
        ${body.first_day ?? null}::text::date, ${body.markup_percent ?? "0"}::text::numeric)`;
    return await readProposal(session, proposal_id);
  }),
  endpoint(routes.refusePriceProposal, async (session, { params: { proposal_id }, body }) => {
    await session.sql`
      select billing.refuse_price_proposal(${proposal_id}::text::bigint, ${body.reason})`;
    return await readProposal(session, proposal_id);
  }),
  endpoint(routes.listPriceSources, async ({ sql }) => {
    const rows = await sql<{ item: unknown }[]>`
      select ${sourceItem(sql)} as item
      from public.price_sources p left join billing.price_source_states s on s.source = p.id
      order by p.id`;
    return { data: rows.map(({ item }) => item) };
  }),
  endpoint(routes.updatePriceSource, async ({ sql }, { params: { source }, body }) => {
    const { enabled = null, url = null } = body;
    if (enabled === null && url === null) {
      throw new ProblemError(problem("bad_request", "nothing to change was given"));
    }
    await sql`
      update public.price_sources set enabled = coalesce(${enabled}::boolean, enabled),
        url = coalesce(${url}::text, url)
      where id = ${source}`;
    return found(
      await sql<{ item: unknown }[]>`
      select ${sourceItem(sql)} as item
      from public.price_sources p left join billing.price_source_states s on s.source = p.id
      where p.id = ${source}`,
    ).item;
  }),
  endpoint(routes.listPricePolicies, async ({ sql }, { query: { limit, cursor } }) => {
    // The default list's has no client and stands first.
    const after = cursorKeys(cursor, 1)?.[0] ?? null;
    const rows = await sql<PageRow[]>`
      select jsonb_build_object('client_id', p.client_id, 'policy', p.policy) as item,
        array[coalesce(p.client_id::text, '')] as keys
      from public.price_policies p
      where ${after}::text is null or coalesce(p.client_id::text, '') > ${after}::text
      order by coalesce(p.client_id::text, '') limit ${limit + 1}`;
    return pageOf(rows, limit);
  }),
  endpoint(routes.setPricePolicy, async ({ sql }, { body: { client_id = null, policy } }) =>
    found(
      await sql`
        insert into public.price_policies as p (client_id, policy)
        values (${client_id}::text::uuid, ${policy})
        on conflict on constraint price_policies_one_each do update set policy = excluded.policy
        returning client_id, policy`,
    )),
  endpoint(routes.resolveModel, async ({ sql }, { query: { id } }) => ({
    data: [...await sql`select model, provider, how from billing.resolve_model(${id})`],
  })),
];

function sourceItem(sql: Session["sql"]) {
  return sql`jsonb_build_object('id', p.id, 'url', p.url, 'enabled', p.enabled,
    'read_at', s.read_at, 'models', s.models, 'problem', s.problem,
    'problem_since', s.problem_since)`;
}

async function readProposal({ sql }: Session, id: string): Promise<unknown> {
  return found(
    await sql<{ item: unknown }[]>`
    select ${proposalItem(sql)} as item from public.price_proposals p
    where p.id = ${id}::text::bigint`,
  ).item;
}

function proposalItem(sql: Session["sql"]) {
  return sql`jsonb_build_object('id', p.id::text, 'kind', p.kind, 'model', p.model,
    'metric', p.metric, 'rate_class', p.rate_class,
    'old_amount', trim_scale(p.old_amount)::text, 'new_amount', trim_scale(p.new_amount)::text,
    'alias_of', p.alias_of, 'agreed_by', (
      select a.source from public.price_syncs a where a.id = p.agreed_sync_id),
    'message', p.message, 'effects', p.effects, 'state', p.state, 'created_at', p.created_at,
    'decided_at', p.decided_at, 'decided_by', p.decided_by, 'reason', p.reason)`;
}
