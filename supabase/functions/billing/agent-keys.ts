import * as routes from "../../../shared/api/agent-keys.ts";
import { endpoint } from "../_shared/api/endpoint.ts";
import type { Session } from "../_shared/api/session.ts";
import { cursorKeys, pageOf, type PageRow } from "./api/page.ts";
import { found } from "./api/rows.ts";

/** A row of what makes a key. */
interface Made {
  readonly id: string;
  readonly token: string | null;
}

/** Keys of agents: made, replaced and ended by operators. */
export const agentKeyEndpoints = [
  endpoint(routes.listAgentKeys, async ({ sql }, { query }) => {
    const after = cursorKeys(query.cursor, 2);
    const rows = await sql<PageRow[]>`
      select ${keyItem(sql)} as item, array[k.created_at::text, k.id::text] as keys
      from billing.agent_keys k
      where (${after?.[0] ?? null}::text is null or (k.created_at, k.id::text)
        < (${after?.[0] ?? null}::text::timestamptz, ${after?.[1] ?? null}::text))
      order by k.created_at desc, k.id::text desc limit ${query.limit + 1}`;
    return pageOf(rows, query.limit);
  }),
  endpoint(routes.createAgentKey, async (session, { body }) => {
    const { expires_at, ...rest } = body;
    const given = JSON.stringify({ ...rest, expires_at });
    const expiry = expires_at === undefined
      ? session.sql`now() + interval '1 year'`
      : session.sql`b.expires_at`;
    const made = await session.sql<Made[]>`
      select k.* from jsonb_to_record(${given}::text::jsonb) b(name text, kind text, agent text,
        client_ids uuid[], daily_events bigint, networks cidr[], max_age interval,
        max_ahead interval, expires_at timestamptz)
      cross join billing.create_agent_key(b.name, b.client_ids, b.agent, b.daily_events,
        b.networks, b.max_age, b.max_ahead, ${expiry}, b.kind) k`;
    return await told(session, made);
  }),
  endpoint(
    routes.rotateAgentKey,
    async (session, { params: { key_id }, body: { overlap } }) =>
      await told(
        session,
        await session.sql<Made[]>`
      select * from billing.rotate_agent_key(${key_id}::text::uuid, ${overlap}::text::interval)`,
      ),
  ),
  endpoint(routes.revokeAgentKey, async (session, { params: { key_id }, body: { reason } }) => {
    await session.sql`
      select billing.revoke_agent_key(${key_id}::text::uuid, ${reason ?? null})`;
    return await readKey(session, key_id);
  }),
];

async function told(session: Session, made: readonly Made[]) {
  const { id, token } = found(made);
  return { key: await readKey(session, id), token };
}

async function readKey({ sql }: Session, id: string): Promise<unknown> {
  return found(
    await sql<{ item: unknown }[]>`
    select ${keyItem(sql)} as item from billing.agent_keys k where k.id = ${id}::text::uuid`,
  ).item;
}

function keyItem(sql: Session["sql"]) {
  return sql`to_jsonb(k) - 'max_age' - 'max_ahead' || jsonb_build_object(
    'max_age_seconds', extract(epoch from k.max_age),
    'max_ahead_seconds', extract(epoch from k.max_ahead))`;
}
