import { deepStrictEqual } from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import postgres from "postgres";
import { listClients } from "../../../../shared/api/clients.ts";
import { type BillingClient, billingClient } from "../../../../shared/client/billing-client.ts";
import { platform } from "../../support/platform-env.ts";

export const sql = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });

/** Ids of the routes that have been called. */
export const called = new Set<string>();

/** Calls through supabase.functions.invoke. */
export const client = billingClient(createClient(platform.apiUrl, platform.secretKey));

/** The same, remembering the route. */
export const call: BillingClient = (route, input) => {
  called.add(route.id);
  return client(route, input);
};

/** The data of a call that must work. */
export async function data<Data>(
  result: Promise<{ readonly data: Data; readonly error: null } | { data: null; error: unknown }>,
): Promise<NonNullable<Data>> {
  const { data, error } = await result;
  deepStrictEqual(error, null);
  if (data === null || data === undefined) throw new Error("no data");
  return data;
}

/** The agent, model and external id of this run. */
export const AGENT = `API-${crypto.randomUUID()}`;

/** The id of the client that the first test makes. */
export async function clientOfRun(): Promise<string> {
  const { data: [made] } = await data(call(listClients, { query: { external_id: AGENT } }));
  return made?.id ?? "";
}

/** Sends a request without the client, with the secret key. */
export function send(
  method: string,
  path: string,
  body?: unknown,
  key?: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${platform.apiUrl}/functions/v1${path}`, {
    method,
    headers: {
      apikey: platform.secretKey,
      "content-type": "application/json",
      ...key === undefined ? {} : { "idempotency-key": key },
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
}
