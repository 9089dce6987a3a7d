/** Deliveries of every kind and event that the database can queue, each for every bad answer. */
import type { Sql } from "postgres";
import { z } from "zod";
import { BAD_ANSWERS, type BadAnswer } from "./bad-service.ts";
import { billJune } from "./delivery-world.ts";
import { queuedPairs } from "./queued-pairs.ts";

/** A kind that is not named below files documents: an error of another service would not begin so. */
const FILES = { storage: /^(storing|reading) invoices\// };

/** The services that each kind asks, and how an error begins that says which of them failed. */
const SERVICES: Readonly<Record<string, Readonly<Record<string, RegExp>>>> = {
  stripe: { stripe: /^Stripe/ },
  email: { smtp: /^SMTP: /, resend: /^Resend/ },
  hermes: { hermes: /^HERMES/ },
  log_export: { logs: /^(storing|reading) usage-logs\// },
};

/** Whether deliveries of a kind are files of a bucket. */
export function isFiled(kind: string): boolean {
  const services = Object.keys(servicesOf(kind));
  return kind !== ALONE && services.every((service) => ["storage", "logs"].includes(service));
}

function servicesOf(kind: string): Readonly<Record<string, RegExp>> {
  return SERVICES[kind] ?? FILES;
}

/** Its source is asked in `bad-price-sources`: it comes once a day, and alone. */
const ALONE = "price_sync";

/** Which service a delivery asks, how that answers, and how the error begins. */
export interface Planned {
  readonly id: string;
  readonly service: string;
  readonly way: BadAnswer;
  readonly error: RegExp;
}

const Queued = z.object({ id: z.string(), what: z.string() });

/**
 * Queues them as the books do, and says which is answered how. Throws where a function of the
 * database queues a kind with an event that is not seeded here.
 */
export async function seedEverything(sql: Sql): Promise<Planned[]> {
  await seedBooks(sql);
  await seedNotices(sql);
  await seedReminders(sql);
  await seedInvitations(sql);
  await sql`insert into billing.log_months (month, state) values ('2026-06-01', 'exporting')`;
  // Forty-eight rows in sixteen parts.
  await sql`select _billing.plan_log_exports('2026-06-01', 3)`;
  await sql`
    update public.deliveries set due_at = 'infinity' where state in ('queued', 'waiting')`;
  const rows = z.array(Queued).parse([
    ...await sql`
      select d.id::text, d.kind || '/' || case when d.dedupe_key ~ '^run' then 'run report'
        else d.event end as what
      from public.deliveries d where d.state = 'queued' order by d.id`,
  ]);
  const known = (await queuedPairs(sql)).filter(({ kind }) => kind !== ALONE);
  const pairs = [
    ...known,
    // Notices too, of their own text.
    { kind: "hermes", event: "run report" },
    { kind: "email", event: "run report" },
  ];
  return pairs.flatMap(({ kind, event }) => {
    const own = rows.filter(({ what }) => what === `${kind}/${event}`);
    return Object.entries(servicesOf(kind)).flatMap(([service, error], nth) =>
      BAD_ANSWERS.map((way, place) => {
        const id = own[nth * BAD_ANSWERS.length + place]?.id;
        if (id === undefined) {
          throw new Error(`seed ${kind}/${event} by ${service}: "${way}" has none`);
        }
        return { id, service, way, error };
      })
    );
  });
}

/** Invoices, credit notes and payments of sixteen clients, of others mails or Stripe alone. */
async function seedBooks(sql: Sql): Promise<void> {
  await sql`update public.billing_settings set operator_emails = '{operators@example.test}'`;
  await sql`
    insert into public.clients (name, external_id, email, started_on)
    select 'Client ' || n, n, 'client-' || n || '@example.test', '2026-06-01'
    from generate_series(1, 48) n`;
  await sql`
    insert into public.billing_config (client_id, deliveries)
    select id, case when external_id::int <= 16 then (
        select array_agg(kind order by kind) from billing.delivery_kinds
        where of_invoices and kind <> 'stripe')
      when external_id::int <= 32 then '{email}' else '{stripe}' end
    from public.clients`;
  await sql`
    insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp", client_id)
    select 'SCHOLAR', 'claude-sonnet', 20000000,
      timestamptz '2026-06-10 12:00+00' + external_id::int * interval '1 minute', id
    from public.clients`;
  await billJune(sql);
  await sql`
    select billing.issue_credit_note(i.id, 'a courtesy', 100)
    from public.invoices i where 'email' = any (i.deliveries)`;
  await sql`
    select billing.record_payment(i.id, 100, reference => i.number)
    from public.invoices i where 'hermes' = any (i.deliveries)`;
}

/** Reports of runs, and what operators are told besides: by HERMES and by mail. */
async function seedNotices(sql: Sql): Promise<void> {
  await sql`
    with runs as (
      insert into billing.monthly_runs (as_of, finished_at, actor, summary)
      select r.as_of + n * interval '1 minute', r.finished_at, r.actor, r.summary
      from billing.monthly_runs r cross join generate_series(1, 32) n
      returning id
    )
    select count(*) from runs`;
  await sql`update billing.monthly_runs set summary = summary`;
  await sql`
    select billing.queue_operator_alert('alert:' || n, 'high', 'Alert ' || n, 'It is ' || n)
    from generate_series(1, 32) n`;
}

/** Invoices that have been mailed are reminded of: for a moment they are. */
async function seedReminders(sql: Sql): Promise<void> {
  await sql`
    update public.deliveries set state = 'skipped', last_error = 'later', finished_at = now()
    where kind = 'email' and event = 'invoice_issued'`;
  await sql`select billing.queue_reminders('2026-11-01')`;
  await sql`select billing.requeue_deliveries('email', '{skipped}', 'infinity')`;
}

/** Users who are told of their role at a client. */
async function seedInvitations(sql: Sql): Promise<void> {
  await sql`
    with users as (
      insert into auth.users (id, email)
      select c.id, 'member-' || c.external_id || '@example.test' from public.clients c
      where c.external_id::int <= 32
      returning id
    )
    select count(*) from users`;
  await sql`
    select billing.add_member(c.id, c.id, 'viewer') from public.clients c
    where c.external_id::int <= 32`;
}
