import { randomUUID } from "node:crypto";
import type { Sql } from "postgres";
import postgres from "postgres";
import { z } from "zod";
import { change, insert } from "./insert.ts";
import type { Row, Step } from "./world.ts";

const idRows = z.array(z.object({ id: z.uuid() })).length(1);

/** Number series of the cases: invoice 1 is CASE-2026-000001. */
export const series = "CASE";

/** Clients of a case by their letter. */
export type Clients = Map<string, string>;

/** Plays the steps in the open transaction of `sql`; returns the clients made. */
export async function play(sql: Sql, steps: readonly Step[]): Promise<Clients> {
  const clients: Clients = new Map();
  await openBooks(sql);
  for (const step of steps) await playStep(sql, clients, step);
  return clients;
}

/** Gives the case a number series of its own and a clock that stands at the new year. */
export async function openBooks(sql: Sql): Promise<void> {
  await sql`update public.billing_settings set number_series = ${series}`;
  await sql`select set_config('billing.as_of', '2026-01-01', true)`;
}

/** Plays one step; clients that it makes are added to `clients`. */
export async function playStep(sql: Sql, clients: Clients, step: Step): Promise<void> {
  switch (step.do) {
    case "client":
      return await addClient(sql, clients, step.key, step.client, step.config);
    case "log":
      return await insert(sql, "agent_usage_logs", { ...owner(clients, step.key), ...step.log });
    case "retract":
      await sql`select billing.retract_log(${step.log}, 'a case')`;
      return;
    case "correct":
      return await correctLogs(sql, idOf(clients, step.key), step);
    case "price":
      return await insert(sql, "prices", { ...owner(clients, step.key), ...step.row });
    case "mend":
      return await change(sql, step.what, idOf(clients, step.key), step.set);
    case "model":
      return await insert(sql, "models", step.row);
    case "list":
      return await listPrice(sql, step.from, step.row);
    case "item":
      return await insert(sql, "invoice_items", { ...owner(clients, step.key), ...step.row });
    case "config":
      return await changeConfig(sql, clients, step.key, step.from, step.row);
    case "change":
      await sql`update public.clients set ${sql(step.set)} where id = ${idOf(clients, step.key)}`;
      return;
    case "end_default":
      await sql`update public.billing_config set effective_until = ${step.on}
        where client_id is null`;
      return;
    case "grant":
      await sql`select billing.grant_credit(${idOf(clients, step.key)}, ${step.amount},
        kind => ${step.terms.kind ?? "paid"}, metrics => ${step.terms.metrics ?? null}::text[],
        models => ${step.terms.models ?? null}::text[],
        agents => ${step.terms.agents ?? null}::text[],
        expires_on => ${step.terms.expires_on ?? null}::text::date,
        priority => ${step.terms.priority ?? 50}, as_of => ${step.at})`;
      return;
    case "top_up":
      await sql`select billing.request_top_up(${idOf(clients, step.key)}, ${step.amount},
        expires_after_days => ${step.days}, as_of => ${step.at})`;
      return;
    case "assign":
      return await assign(sql, clients, step.agent, step.key);
    case "at":
      await sql`select set_config('billing.as_of', ${step.at}, true)`;
      return;
    case "setting":
      await sql`update public.billing_settings set ${sql(step.set)}`;
      return;
    case "run":
      await sql`select billing.run_monthly(${step.at})`;
      return;
    case "refused":
      return await expectRefusal(sql, clients, step.code, step.step);
    case "end_service":
    case "start_service":
    case "subscription":
      return await playServiceStep(sql, idOf(clients, step.key), step);
    default:
      return await playInvoiceStep(sql, clients, step);
  }
}

async function correctLogs(
  sql: Sql,
  client: string,
  { at, count, metric }: Extract<Step, { do: "correct" }>,
): Promise<void> {
  let left = count;
  const logs = await sql<{ id: string; now: number }[]>`
    select l.id, case when ${metric} = 'units' then (s.other_features ->> 'units')::int
      else s.web_searches::int end as now
    from public.agent_usage_logs l cross join lateral _billing.standing_log(l.id) s
    where l.client_id = ${client} and l.corrects_id is null
      and date_trunc('month', l.timestamp) = date_trunc('month', ${at}::timestamptz)
    order by l.timestamp::date = ${at}::date desc, l.id`;
  for (const { id, now } of logs) {
    const right = Math.max(now + left, 0);
    const counts = metric === "units"
      ? { other_features: { units: right } }
      : { web_searches: right };
    await sql`select billing.correct_log(${id}, ${JSON.stringify(counts)}::text::jsonb, 'a case')`;
    left -= right - now;
    if (left === 0) return;
  }
  throw new Error(`${left} ${metric} are left to correct: there is not as much`);
}

type ServiceStep = Extract<Step, { do: "end_service" | "start_service" | "subscription" }>;

async function playServiceStep(sql: Sql, id: string, step: ServiceStep): Promise<void> {
  switch (step.do) {
    case "end_service":
      await sql`select billing.end_service(${id}, ${step.on})`;
      return;
    case "start_service":
      await sql`select billing.start_service(${id}, ${step.on})`;
      return;
    case "subscription": {
      const says = { ...step.says, metadata: { leveredge_client_id: id } };
      await sql`select set_config('billing.as_of', ${step.at}, true)`;
      await sql`
        select billing.apply_stripe_subscription(${JSON.stringify(says)}::text::jsonb, ${step.at})`;
    }
  }
}

type InvoiceStep = Extract<
  Step,
  { do: "void" | "regenerate" | "one_off" | "write_off" | "pay" | "credit" }
>;

async function playInvoiceStep(sql: Sql, clients: Clients, step: InvoiceStep): Promise<void> {
  if (step.do === "one_off") {
    await sql`
      select billing.finalize_invoice(billing.create_one_off_invoice(array(
        select i.id from public.invoice_items i
        where i.client_id = ${idOf(clients, step.key)} and i.invoice_id is null), ${step.at}),
        ${step.at})`;
    return;
  }
  const id = await invoiceId(sql, step.invoice);
  switch (step.do) {
    case "void":
      await sql`select billing.void_invoice(${id}, 'case', ${step.at})`;
      return;
    case "regenerate":
      await sql`select billing.regenerate_invoice(${id}, ${step.at})`;
      return;
    case "write_off":
      await sql`select billing.mark_uncollectible(${id}, ${step.at})`;
      return;
    case "pay":
      await sql`select billing.record_payment(${id}, ${step.amount}, ${step.at})`;
      return;
    case "credit":
      await sql`
        select billing.issue_credit_note(${id}, 'case', ${step.amount}, ${step.refund}, ${step.at})`;
  }
}

async function addClient(sql: Sql, clients: Clients, key: string, client: Row, config: Row) {
  const id = String(client["id"] ?? randomUUID());
  await insert(sql, "clients", { ...client, id });
  clients.set(key, id);
  await insert(sql, "billing_config", { client_id: id, ...config });
}

/** Ends what holds for the client (null: the default) and starts `row` on `from`. */
async function changeConfig(
  sql: Sql,
  clients: Clients,
  key: string | null,
  from: string,
  row: Row,
) {
  const id = key === null ? null : idOf(clients, key);
  await sql`update public.billing_config set effective_until = ${from}
    where client_id is not distinct from ${id} and effective_until > ${from}`;
  await insert(sql, "billing_config", { client_id: id, effective_from: from, ...row });
}

async function assign(sql: Sql, clients: Clients, agent: string, key: string | null) {
  await sql`delete from public.agent_assignments where agent = ${agent}`;
  if (key !== null) {
    await insert(sql, "agent_assignments", { agent, client_id: idOf(clients, key) });
  }
}

async function expectRefusal(sql: Sql, clients: Clients, code: string, step: Step) {
  await sql`savepoint refused`;
  try {
    await playStep(sql, clients, step);
  } catch (error) {
    await sql`rollback to savepoint refused`;
    if (error instanceof postgres.PostgresError && [error.detail, error.code].includes(code)) {
      return;
    }
    throw error;
  }
  throw new Error(`${step.do} was accepted; it must be refused with ${code}`);
}

function owner(clients: Clients, key: string | null): Row {
  return key === null ? {} : { client_id: idOf(clients, key) };
}

function idOf(clients: Clients, key: string): string {
  const id = clients.get(key);
  if (id === undefined) throw new Error(`the case has no client ${key}`);
  return id;
}

async function invoiceId(sql: Sql, place: number): Promise<string> {
  const number = `${series}-%-${String(place).padStart(6, "0")}`;
  const [row] = idRows.parse(await sql`select id from public.invoices where number like ${number}`);
  if (row === undefined) throw new Error(`there is no invoice ${number}`);
  return row.id;
}

/** What a sync and a decision write to the catalogue. */
async function listPrice(sql: Sql, from: string | null, row: Row): Promise<void> {
  await sql`insert into public.price_syncs (source, sha256, fetched_at)
    values ('litellm', repeat('0', 64), '2026-06-01') on conflict do nothing`;
  const [sync] = await sql`select max(id) as id from public.price_syncs`;
  await sql`insert into public.listed_models (id, provider, sync_id)
    values (${String(row.model)}, 'provider', ${sync?.id}) on conflict do nothing`;
  if (from !== null) {
    await sql`update public.list_prices set effective_until = ${from}
      where model = ${String(row.model)} and metric = ${String(row.metric)}
        and rate_class = ${String(row.rate_class)} and effective_until = 'infinity'`;
  }
  await insert(sql, "list_prices", {
    ...row,
    provider: "provider",
    sync_id: sync?.id,
    source_field: "field",
    source_text: String(row.amount),
    ...from === null ? {} : { effective_from: from },
  });
}
