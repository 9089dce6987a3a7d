import { createClient } from "@supabase/supabase-js";
import postgres, { type Sql } from "postgres";
import { createClientRoute } from "../../../shared/api/clients.ts";
import { finalizeInvoice, generateInvoice } from "../../../shared/api/invoices.ts";
import type { MemberRole } from "../../../shared/api/members.ts";
import { createConfig, createPrice } from "../../../shared/api/terms.ts";
import { billingClient, type CallResult } from "../../../shared/client/billing-client.ts";
import { signUp } from "../../console/users.ts";
import { platform } from "./platform-env.ts";

interface User {
  readonly email: string;
  readonly password: string;
}

/** What the console's journeys walk through: two clients with an invoice each, and two users. */
export interface ConsoleWorld {
  readonly operator: User;
  /** Member of the client, not of the other one. */
  readonly customer: User;
  readonly agent: string;
  readonly clientId: string;
  readonly clientName: string;
  readonly invoiceNumber: string;
  readonly otherId: string;
  readonly otherName: string;
  readonly otherInvoiceId: string;
}

const MODEL = "claude-sonnet-4-20250514";
const billing = billingClient(createClient(platform.apiUrl, platform.secretKey));

/**
 * Usage of May 2026 that anyone can sum (400,000 and 200,000 input tokens on the third, 1,000,000 on
 * the ninth, at 2.50 a million), invoiced; 3,000,000 of now; and clients enough for two pages.
 */
export async function consoleWorld(sql: Sql): Promise<ConsoleWorld> {
  const [mine, other] = [await billedClient(sql), await billedClient(sql)];
  const more = Array.from({ length: 30 }, () => ({ name: `Page ${crypto.randomUUID()}` }));
  await sql`insert into public.clients ${sql(more)}`;
  const admin = postgres(platform.databaseAdminUrl, { max: 1, onnotice: () => {} });
  try {
    const [operator, customer] = [newUser(), newUser()];
    const project = { url: platform.apiUrl, publishableKey: platform.publishableKey };
    const operatorId = await signUp(admin, project, operator);
    await admin`update auth.users set raw_app_meta_data = '{"role": "operator"}'
      where id = ${operatorId}`;
    const customerId = await signUp(admin, project, customer);
    await sql`insert into public.client_members (client_id, user_id)
      values (${mine.clientId}, ${customerId})`;
    return {
      ...mine,
      operator,
      customer,
      otherId: other.clientId,
      otherName: other.clientName,
      otherInvoiceId: other.invoiceId,
    };
  } finally {
    await admin.end();
  }
}

/** A client without an invoice, at 1.00 a million output tokens, and its user. */
export interface NewCustomer extends User {
  readonly clientId: string;
  readonly clientName: string;
}

/** A new client with a user whose role at it is billing. */
export async function newCustomer(sql: Sql): Promise<NewCustomer> {
  const { id: client_id, name } = await data(billing(createClientRoute, {
    body: { name: `Payer ${crypto.randomUUID()}`, started_on: "2026-05-01", time_zone: "UTC" },
  }));
  await data(billing(createConfig, {
    body: { client_id, currency: "USD", minimum_minor: 0, deliveries: [] },
  }));
  await data(billing(createPrice, {
    body: { client_id, metric: "output_tokens", unit_amount: "1", per_units: "1000000" },
  }));
  return { ...await newMember(sql, client_id, "billing"), clientId: client_id, clientName: name };
}

/** A new user with a role at a client. */
export async function newMember(sql: Sql, clientId: string, role: MemberRole): Promise<User> {
  const user = newUser();
  const admin = postgres(platform.databaseAdminUrl, { max: 1, onnotice: () => {} });
  try {
    const project = { url: platform.apiUrl, publishableKey: platform.publishableKey };
    const userId = await signUp(admin, project, user);
    await sql`insert into public.client_members (client_id, user_id, role)
      values (${clientId}, ${userId}, ${role})`;
  } finally {
    await admin.end();
  }
  return user;
}

function newUser(): User {
  return { email: `${crypto.randomUUID()}@example.com`, password: crypto.randomUUID() };
}

async function billedClient(sql: Sql) {
  const agent = `CONSOLE-${crypto.randomUUID()}`;
  const client = await data(billing(createClientRoute, {
    body: { name: `Console ${crypto.randomUUID()}`, started_on: "2026-05-01", time_zone: "UTC" },
  }));
  const client_id = client.id;
  await data(billing(createConfig, { body: { client_id, minimum_minor: 0, deliveries: [] } }));
  await data(billing(createPrice, {
    body: {
      client_id,
      metric: "input_tokens",
      model: MODEL,
      unit_amount: "2.50",
      per_units: "1000000",
    },
  }));
  const calls: [string, number][] = [
    ["2026-05-03T10:00:00Z", 400_000],
    ["2026-05-03T11:00:00Z", 200_000],
    ["2026-05-09T12:00:00Z", 1_000_000],
    [new Date().toISOString(), 3_000_000],
  ];
  await sql`insert into public.agent_usage_logs ${
    sql(calls.map(([timestamp, input_tokens]) => ({
      agent,
      client_id,
      model: MODEL,
      input_tokens,
      timestamp,
    })))
  }`;
  await sql`select billing.count_usage()`;
  const { invoice } = await data(billing(generateInvoice, {
    body: { client_id, period: "2026-05" },
  }));
  if (invoice === null) throw new Error("no invoice was made");
  const issued = invoice.number === null
    ? await data(billing(finalizeInvoice, { params: { invoice_id: invoice.id } }))
    : invoice;
  return {
    agent,
    clientId: client_id,
    clientName: client.name,
    invoiceId: issued.id,
    invoiceNumber: issued.number ?? "",
  };
}

async function data<Data>(call: Promise<CallResult<Data>>): Promise<Data> {
  const { data, error } = await call;
  if (error !== null) throw new Error(JSON.stringify(error));
  return data;
}
