import { HOSTILE_FILE } from "./attacks/storage.ts";
import { type AttackWorld, CANARY } from "./world.ts";

/** What is known of the victim's rows, to be compared afterwards. */
export type Fingerprint = Readonly<Record<string, string>>;

/**
 * Rows that none of the attackers may change: terms, people, keys, what has been issued, and logs but
 * the agent's own. Staff may run a month, which makes new invoices and applies a balance to them:
 * that is its work, so invoices are those that were issued before, and the balance is without that.
 */
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
      (select md5(string_agg(i::text, '|' order by i.id)) from public.invoices i
        where i.id = any (${[...victim.issued]}::uuid[])) as "issued invoices",
      (select md5(string_agg(l::text, '|' order by l.id)) from public.invoice_lines l
        where l.invoice_id = any (${[...victim.issued]}::uuid[])) as "issued lines",
      (select md5(string_agg(n::text, '|' order by n.id)) from public.credit_notes n
        where client_id = ${victim.id}) as "credit notes",
      (select md5(string_agg(b::text, '|' order by b.id)) from public.balance_entries b
        where client_id = ${victim.id} and reason <> 'applied') as balance,
      (select md5(string_agg(g::text, '|' order by g.id)) from billing.invoice_links g
        where g.invoice_id = any (${[...victim.issued]}::uuid[])) as links,
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
  if (await world.victimFile() !== CANARY) changed.push(["the victim's file changed", ""]);
  const [files] = await sql<{ names: string[] | null }[]>`
    select array_agg(name) as names from storage.objects where name ilike ${`%${HOSTILE_FILE}%`}`;
  if (files?.names !== null) changed.push(["files by attackers", `${files?.names.slice(0, 5)}`]);
  return changed;
}

/** What the attack has broken of what must hold of all books. */
export async function checkBooks({ sql }: AttackWorld): Promise<[what: string, detail: string][]> {
  const broken = await sql<{ invariant: string; subject: string; detail: string }[]>`
    select * from billing.check_invariants()`;
  return broken.map(({ invariant, subject, detail }) => [`${invariant}: ${subject}`, detail]);
}
