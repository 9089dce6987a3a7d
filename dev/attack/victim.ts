import type { AttackWorld } from "./world.ts";

/** What is known of the victim's rows, to be compared afterwards. */
export type Fingerprint = Readonly<Record<string, string>>;

/** Rows that none of the attackers may change: terms, people, keys, and logs but the agent's own. */
export async function fingerprint({ sql, victim }: AttackWorld): Promise<Fingerprint> {
  const [row] = await sql<Record<string, string>[]>`
    select (select md5(string_agg(c::text, '|')) from public.clients c where id = ${victim.id})
        as client,
      (select md5(string_agg(m::text, '|' order by m::text)) from public.client_members m
        where client_id = ${victim.id}) as members,
      (select md5(string_agg(a::text, '|' order by a::text)) from public.agent_assignments a
        where client_id = ${victim.id}) as assignments,
      (select md5(string_agg(b::text, '|' order by b::text)) from public.billing_config b
        where client_id = ${victim.id}) as config,
      (select md5(string_agg(p::text, '|' order by p::text)) from public.prices p
        where client_id = ${victim.id}) as prices,
      (select md5(string_agg(k.id::text || k.state, '|' order by k.id)) from billing.agent_keys k
        where ${victim.id}::uuid = any (k.client_ids)) as keys,
      (select md5(string_agg(p::text, '|' order by p::text)) from public.payments p
        join public.invoices i on i.id = p.invoice_id where i.client_id = ${victim.id})
        as payments,
      (select count(*)::text from billing.attributed_logs l where l.client_id = ${victim.id}
        and l.agent <> ${victim.agent}) as "logs of others"`;
  return { ...row };
}

/** What the attack has changed of the victim, or of what its agent has stored. */
export async function checkVictim(
  world: AttackWorld,
  before: Fingerprint,
  stored: number,
): Promise<[what: string, detail: string][]> {
  const { sql, victim } = world;
  const after = await fingerprint(world);
  const changed = Object.keys(before).filter((what) => before[what] !== after[what])
    .map((what): [string, string] => [`the victim's ${what} changed`, ""]);
  await sql`select billing.count_usage()`;
  const [own] = await sql<{ logs: number; counted: number }[]>`
    select (select count(*)::int from public.agent_usage_logs where agent = ${victim.agent}
        and client_id = ${victim.id}) as logs,
      (select coalesce(sum(quantity), 0)::int from public.usage_records
        where agent = ${victim.agent} and client_id = ${victim.id} and metric = 'requests')
        as counted`;
  // An insert that was under way at the end may have been stored without being told.
  if (own === undefined || own.logs < stored || own.logs !== own.counted) {
    changed.push(["what the honest agent stored", `${stored} told, ${JSON.stringify(own)}`]);
  }
  const [strays] = await sql<{ rows: number }[]>`
    select count(*)::int as rows from public.agent_usage_logs
    where agent in ('ENDED', 'FORGED')`;
  if (strays?.rows !== 0) changed.push(["rows by forged tokens or ended keys", `${strays?.rows}`]);
  return changed;
}
