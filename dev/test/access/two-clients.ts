import type { Sql } from "postgres";

/** A client with a row in everything that belongs to clients. */
export interface FullClient {
  readonly id: string;
  readonly invoiceId: string;
}

/**
 * Makes a client for a user: member, assignment, config, price, usage, two issued invoices, a draft,
 * a payment, a credit note, a balance, a grant of credit, a budget and what is known of Stripe.
 * `agent` must be new. All in the past of the real clock.
 */
export async function fullClient(
  sql: Sql,
  userId: string,
  agent: string,
  role: "viewer" | "admin" = "viewer",
): Promise<FullClient> {
  const [client] = await sql<{ id: string }[]>`
    insert into public.clients (name, started_on, email)
    values (${`Client of ${agent}`}, '2026-06-01', 'ap@example.com') returning id`;
  if (client === undefined) throw new Error("no client");
  const { id } = client;
  await sql`
    insert into public.client_members (client_id, user_id, role)
    values (${id}, ${userId}, ${role})`;
  await sql`insert into public.agent_assignments (agent, client_id) values (${agent}, ${id})`;
  await sql`insert into public.billing_config (client_id, minimum_minor) values (${id}, 100)`;
  await sql`
    insert into public.prices (client_id, model, metric, unit_amount, per_units)
    values (${id}, 'claude-opus', 'input_tokens', 20, 1000000)`;
  await sql`
    insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp")
    select ${agent}, 'claude-opus', 1000000, day
    from generate_series(timestamptz '2026-06-10 12:00Z', '2026-07-10 12:00Z', '1 day') day`;
  await sql`select billing.generate_invoice(${id}, '2026-06-01')`;
  await sql`select billing.generate_invoice(${id}, '2026-07-01')`;
  const [invoice] = await sql<{ id: string; total: string }[]>`
    select id, total_minor as total from public.invoices
    where client_id = ${id} order by period_start limit 1`;
  if (invoice === undefined) throw new Error("no invoice");
  await sql`select billing.record_payment(${invoice.id}, ${invoice.total}, reference => ${id})`;
  await sql`select billing.issue_credit_note(${invoice.id}, 'goodwill', 50)`;
  await sql`select billing.grant_credit(${id}, 100)`;
  await sql`select billing.request_top_up(${id}, 100)`;
  await sql`select billing.set_auto_recharge(${id}, 1, 9, target_minor => 2, paused => true)`;
  const [item] = await sql<{ id: string }[]>`
    insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
    values (${id}, 'Set-up', 10, 'USD', '2026-08-01') returning id`;
  await sql`select billing.create_one_off_invoice(array[${item?.id ?? ""}]::uuid[])`;
  await sql`insert into public.client_budgets (client_id, amount_minor) values (${id}, 1000000)`;
  await sql`
    insert into public.stripe_invoices (invoice_id, livemode) values (${invoice.id}, false)`;
  await sql`
    insert into public.stripe_subscriptions (stripe_subscription_id, client_id, livemode, status,
      currency, seen_at)
    values (${`sub_${id}`}, ${id}, false, 'active', 'USD', '2026-06-01')`;
  return { id, invoiceId: invoice.id };
}
