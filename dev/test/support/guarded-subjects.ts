import type { Sql } from "postgres";
import { billJune, seedJune } from "./delivery-world.ts";

/** What paths name: each act that takes a second factor has something of its own to act on. */
export interface Subjects {
  /** The path of a route with the ids of what it acts on. */
  path(route: { readonly id: string; readonly path: string }): string;
  /** The client that bodies name, and a user who is no member yet. */
  readonly client: string;
  readonly user: string;
}

/** Invoices of June by the number of their client, and which act is for each. */
const INVOICES: Readonly<Record<string, number>> = {
  recordPayment: 2,
  voidInvoice: 3,
  regenerateInvoice: 4,
  releaseInvoice: 5,
  writeOffInvoice: 6,
};

/** Bills June for seven clients, and makes of each row that acts would share one for each act. */
export async function seedSubjects(sql: Sql): Promise<Subjects> {
  await seedJune(sql, 7);
  await billJune(sql);
  const june = await sql<{ n: number; id: string; client: string }[]>`
    select split_part(c.external_id, '-', 2)::int as n, i.id, c.id as client
    from public.invoices i join public.clients c on c.id = i.client_id order by 1`;
  const of = (n: number) => {
    const found = june.find((one) => one.n === n);
    if (found === undefined) throw new Error(`client-${n} has no invoice`);
    return found;
  };
  const { client } = of(1);
  await sql`select billing.void_invoice(id, 'x') from unnest(${[of(4).id, of(5).id]}::uuid[]) id`;
  const [held = { id: "" }] = await sql<{ id: string }[]>`
    select billing.regenerate_invoice(${of(5).id}) as id`;
  await sql`
    insert into billing.invoice_holds (invoice_id, client_id, total_minor, reason, message, held_at)
    select id, client_id, total_minor, 'ceiling', 'x', now()
    from public.invoices where id = ${held.id}
    on conflict (invoice_id) do nothing`;
  await sql`select billing.record_payment(${of(7).id}, amount_due_minor)
    from public.invoices where id = ${of(7).id}`;
  await sql`update public.clients set ended_on = '2026-07-01' where id = ${of(7).client}`;
  const [call] = await sql<{ id: string }[]>`
    select id from public.agent_usage_logs where client_id = ${client}`;
  const ids = { ...await termsAndKeys(sql, client), ...await proposals(sql) };
  const members = await twoMembers(sql, client);
  const [{ id: user = "" } = {}] = await sql<{ id: string }[]>`
    insert into auth.users (id) values (gen_random_uuid()) returning id`;
  const path = ({ id, path }: { readonly id: string; readonly path: string }) => {
    const invoice = id === "releaseInvoice" ? held.id : of(INVOICES[id] ?? 1).id;
    return path
      .replace("{client_id}", id === "erasePersonalData" ? of(7).client : client)
      .replace("{invoice_id}", invoice).replace("{member_id}", members[id] ?? "")
      .replace("{call_id}", call?.id ?? "").replace("{source}", "litellm")
      .replace(/\{(id|key_id|proposal_id)\}/, ids[id] ?? "");
  };
  return { path, client, user };
}

async function twoMembers(sql: Sql, client: string): Promise<Record<string, string>> {
  const [updated, removed] = await sql<{ id: string }[]>`
    insert into auth.users (id) values (gen_random_uuid()), (gen_random_uuid()) returning id`;
  const members = { updateMember: updated?.id ?? "", removeMember: removed?.id ?? "" };
  await sql`
    insert into public.client_members (client_id, user_id)
    select ${client}, id from unnest(${Object.values(members)}::uuid[]) id`;
  return members;
}

/** Terms and prices that end before the next begins, and keys: one to change, one to end. */
async function termsAndKeys(sql: Sql, client: string): Promise<Record<string, string>> {
  const ids: Record<string, string> = {};
  for (const [act, year] of [["update", 2030], ["remove", 2032]] as const) {
    const [from, until] = [`${year}-01-01`, `${year + 1}-01-01`];
    const [config] = await sql<{ id: string }[]>`
      insert into public.billing_config (client_id, effective_from, effective_until)
      values (${client}, ${from}, ${until}) returning id`;
    const [price] = await sql<{ id: string }[]>`
      insert into public.prices (client_id, metric, unit_amount, effective_from, effective_until)
      values (${client}, 'web_search', 1, ${from}, ${until}) returning id`;
    ids[`${act}Config`] = config?.id ?? "";
    ids[`${act}Price`] = price?.id ?? "";
  }
  for (const act of ["rotate", "revoke"]) {
    const [key] = await sql<{ id: string }[]>`
      select id from billing.create_agent_key(${act}, array[${client}]::uuid[])`;
    ids[`${act}AgentKey`] = key?.id ?? "";
  }
  return ids;
}

async function proposals(sql: Sql): Promise<Record<string, string>> {
  const [accepted, refused] = await sql<{ id: string }[]>`
    insert into public.price_proposals (kind, model, message)
    values ('deprecation', 'claude-sonnet', 'x'), ('deprecation', 'claude-opus', 'x')
    returning id::text`;
  return { acceptPriceProposal: accepted?.id ?? "", refusePriceProposal: refused?.id ?? "" };
}
