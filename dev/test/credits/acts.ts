import type { Sql, TransactionSql } from "postgres";
import type { Random } from "../support/random.ts";

/** What one session does next, decided before it does it. */
export interface Intent {
  readonly act: Act;
  readonly client: string;
  /** The instant that the act is of. */
  readonly at: Date;
  readonly amount: number;
  readonly days: number;
  /** Chooses among invoices and grants, by what they are and not by where they lie. */
  readonly salt: string;
  /** What a grant is called where it was paid: the same one may be asked for twice. */
  readonly reference: string;
}

const ACTS = [
  ...Array<"grant">(7).fill("grant"),
  ...Array<"pay">(4).fill("pay"),
  ...Array<"note">(4).fill("note"),
  ...Array<"void">(2).fill("void"),
  "month",
  "refund",
  "remake",
  "roll",
  "one_off",
  "write_off",
  ...Array<"top_up">(4).fill("top_up"),
  "dispute",
  "tax",
] as const;
export type Act = typeof ACTS[number];

/** The next intent of a random life. */
export function nextIntent(
  random: Random,
  clients: readonly [string, ...string[]],
  at: Date,
  recent: readonly string[],
): Intent {
  const [first, ...others] = ACTS;
  const [known, ...older] = recent;
  const repeated = known !== undefined && random.chance(10);
  return {
    act: random.pick([first, ...others]),
    client: random.pick(clients),
    at,
    amount: random.between(1, 6000),
    days: random.between(1, 90),
    salt: String(random.below(1_000_000)),
    reference: repeated ? random.pick([known, ...older]) : `reference ${random.below(2 ** 31)}`,
  };
}

/** Carries an intent out. Says false where there is nothing that it could be done to. */
export async function carryOut(sql: TransactionSql, intent: Intent): Promise<boolean> {
  const { act, client, at, amount, days, salt } = intent;
  if (act === "grant") return await grant(sql, intent);
  if (act === "tax") {
    const on = Number(salt) % 2 === 0 ? "on_use" : "on_purchase";
    return await done(sql`update public.billing_settings set top_up_tax = ${on}`);
  }
  if (act === "month") return await done(sql`select billing.run_monthly(${at})`);
  if (act === "roll") {
    const of = await pick(sql`
      select id from public.credit_grants where client_id = ${client}
      order by md5(id::text || ${salt}) limit 1`);
    return of !== undefined && await done(sql`
      select billing.roll_over_credit(${of}, ${dayAfter(at, days)}::date, ${at})`);
  }
  if (act === "top_up") {
    return await done(sql`
      select billing.request_top_up(${client}, ${amount}, expires_after_days => ${days},
        reference => ${intent.reference}, as_of => ${at})`);
  }
  if (act === "dispute") {
    await sql`select _billing.lock_clients(array[${client}::uuid])`;
    const disputed = await pick(sql`
      insert into public.payments (invoice_id, client_id, amount_minor, kind, currency, paid_at,
        method)
      select i.id, i.client_id, -least(${amount}, p.kept), 'dispute', i.currency, ${at}, 'stripe'
      from public.invoices i
      cross join lateral (
        select sum(p.amount_minor) as kept from public.payments p where p.invoice_id = i.id) p
      where i.client_id = ${client} and i.kind = 'top_up' and i.status in ('open', 'paid')
        and p.kept > 0
      order by md5(i.number || ${salt}) limit 1
      returning id`);
    return disputed !== undefined;
  }
  if (act === "one_off") {
    return await done(sql`
      with item as (
        insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
        values (${client}, 'Setup', ${amount} / 100.0, 'USD', ${dayAfter(at, 0)}::date)
        returning id
      )
      select id from item`.then(([item]) =>
      sql`
        select billing.finalize_invoice(
          billing.create_one_off_invoice(array[${String(item?.["id"])}::uuid], ${at}), ${at})`
    ));
  }
  const invoice = await pick(sql`
    select id from public.invoices
    where client_id = ${client} and status = any (${STATES[act]}::text[])
    order by md5(number || ${salt}) limit 1`);
  if (invoice === undefined) return false;
  if (act === "pay") {
    return await done(sql`select billing.record_payment(${invoice}, ${amount}, ${at})`);
  }
  if (act === "void") return await done(sql`select billing.void_invoice(${invoice}, 'x', ${at})`);
  if (act === "remake") {
    return await done(sql`select billing.regenerate_invoice(${invoice}, ${at})`);
  }
  if (act === "write_off") {
    return await done(sql`select billing.mark_uncollectible(${invoice}, ${at})`);
  }
  return await done(sql`
    select billing.issue_credit_note(${invoice}, 'x', ${amount}, ${act === "refund"}, ${at})`);
}

const STATES = {
  pay: ["open"],
  note: ["open", "paid"],
  refund: ["paid"],
  void: ["open"],
  remake: ["void"],
  write_off: ["open"],
};

const KINDS = ["paid", "refund", "promotional"];

async function grant(
  sql: TransactionSql,
  { client, at, amount, days, salt, reference }: Intent,
): Promise<boolean> {
  const chosen = Number(salt);
  const starts = chosen % 3 === 0 ? dayAfter(at, chosen % 20) : null;
  const ends = chosen % 10 < 7 ? dayAfter(at, 20 + days) : null;
  return await done(sql`
    select billing.grant_credit(${client}, ${amount}, ${KINDS[chosen % 3] ?? "paid"},
      effective_on => ${starts}::date, expires_on => ${ends}::date,
      priority => ${chosen % 4}::integer, reference => ${reference}, as_of => ${at})`);
}

async function pick(rows: Promise<readonly unknown[]>): Promise<string | undefined> {
  const [row] = await rows;
  return typeof row === "object" && row !== null && "id" in row ? String(row.id) : undefined;
}

async function done(work: Promise<unknown>): Promise<true> {
  await work;
  return true;
}

function dayAfter(at: Date, days: number): string {
  return new Date(at.getTime() + days * 86_400_000).toISOString().slice(0, 10);
}

/**
 * Clients of three zones, with a minimum that every month comes to, with and without tax; top-ups
 * are taxed when they are bought, until an act says otherwise.
 */
export async function addWallets(sql: Sql, clients: readonly string[]): Promise<void> {
  await sql`
    create table public.credit_acts (
      place bigint generated always as identity,
      began text not null default (extract(epoch from now()) * 1e6)::bigint::text
        constraint credit_acts_one_each unique,
      act text not null,
      client uuid,
      at timestamptz)`;
  await sql`update public.billing_settings set top_up_tax = 'on_purchase'`;
  await sql`
    insert into public.clients (id, name, time_zone, started_on)
    select id::uuid, 'Client ' || n, (array['UTC', 'Pacific/Auckland', 'America/New_York'])[1 + n % 3],
      '2026-01-01'
    from unnest(${clients}::text[]) with ordinality x(id, n)`;
  await sql`
    insert into public.billing_config (client_id, minimum_minor, taxes)
    select id, 1000 + 777 * (row_number() over (order by name) % 5), case
      when row_number() over (order by name) % 2 = 0 then '[]'::jsonb
      else '[{"name": "VAT", "rate_percent": "7.7", "behavior": "exclusive"}]' end
    from public.clients`;
}
