import { signWebhook } from "../standins/stripe/webhooks.ts";
import { type LoadWorld, WEBHOOK_SECRET } from "./world.ts";

/** Requests as agents, front ends, Stripe and the schedule make them. */
export interface Requests {
  /** A batch of so many calls through ingest-usage. */
  ingest(events: number): Promise<Response>;
  /** One call, straight to the Data API as old agents post it. */
  log(): Promise<Response>;
  /** One of what front ends ask for. */
  read(): Promise<Response>;
  webhook(): Promise<Response>;
  /** What the schedule does each minute. */
  work(): Promise<Response>;
}

/** Makes them for a world; each call has an id of its own. */
export function requestsTo({ platform, clients }: LoadWorld): Requests {
  const functions = `${platform.urls.api}/functions/v1`;
  const { keys } = platform;
  const json = { "content-type": "application/json" };
  let made = 0;
  const reads = clients.flatMap((id) => [
    `clients/${id}/usage?start=2026-06-01&end=2026-06-30`,
    `invoices?client_id=${id}`,
    `clients/${id}`,
  ]);
  return {
    ingest: (events) => {
      const body = Array.from({ length: events }, () => call(made++, clients.length));
      return fetch(`${functions}/ingest-usage`, {
        method: "POST",
        headers: { ...json, apikey: keys.agentSecret },
        body: JSON.stringify({ events: body }),
      });
    },
    log: () =>
      fetch(`${platform.urls.api}/rest/v1/agent_usage_logs`, {
        method: "POST",
        headers: {
          ...json,
          apikey: keys.secret,
          authorization: `Bearer ${keys.secret}`,
          prefer: "return=minimal",
        },
        body: JSON.stringify(call(made++, clients.length)),
      }),
    read: () =>
      fetch(`${functions}/billing/${reads[made++ % reads.length]}`, {
        headers: { apikey: keys.secret },
      }),
    webhook: () => {
      const [body, now] = event(made++);
      return fetch(`${functions}/stripe-webhook`, {
        method: "POST",
        headers: { "stripe-signature": signWebhook(body, [WEBHOOK_SECRET], now) },
        body,
      });
    },
    work: () =>
      fetch(`${functions}/deliver`, { method: "POST", headers: { apikey: keys.cronSecret } }),
  };
}

function call(number: number, clients: number) {
  return {
    id: crypto.randomUUID(),
    agent: `AGENT-${number % clients}`,
    endpoint: "deep-research",
    model: ["claude-sonnet", "claude-opus", "gpt-4o"][number % 3],
    input_tokens: 1000 + number % 500,
    output_tokens: 200,
    web_searches: number % 2,
    total_cost: 0.00885,
    metadata: { run_id: `run-${number}` },
    timestamp: `2026-07-${String(1 + number % 28).padStart(2, "0")}T14:21:07.123456`,
  };
}

/** Of an invoice that is none of ours: verified, stored, looked at and left alone. */
function event(number: number): [string, number] {
  const now = Math.floor(Date.now() / 1000);
  const object = { id: `in_load${number}`, object: "invoice", livemode: false, metadata: {} };
  const body = JSON.stringify({
    id: `evt_load${number}`,
    object: "event",
    api_version: "2026-10-28.endive",
    type: "invoice.updated",
    created: now,
    livemode: false,
    data: { object },
  });
  return [body, now];
}
