import Stripe from "stripe";
import type { Caller } from "../../../supabase/functions/_shared/http/authenticate.ts";
import { serve, type ServePorts } from "../../../supabase/functions/_shared/api/serve.ts";
import { withRequest } from "../../../supabase/functions/_shared/http/with-request.ts";
import { billingEndpoints } from "../../../supabase/functions/billing/endpoints.ts";
import { handleCreate } from "../../../supabase/functions/create-stripe-invoice/handler.ts";
import { handleDeliver } from "../../../supabase/functions/deliver/handler.ts";
import { ingestEndpoint, readEvents } from "../../../supabase/functions/ingest-usage/handler.ts";
import { handleReconcile } from "../../../supabase/functions/reconcile-stripe/handler.ts";
import { handleRender } from "../../../supabase/functions/render-invoice/handler.ts";
import { handleWebhook } from "../../../supabase/functions/stripe-webhook/handler.ts";

/** What was asked of the world behind the functions; nothing refused may get that far. */
export const reached: string[] = [];

/** What signs a webhook here. */
export const WEBHOOK_SECRET = "whsec_functions";

type Answer = (request: Request) => Promise<Response>;

const service: Caller = { actor: "service", name: "key:default", claims: null };
const ports: ServePorts = {
  authenticate: () => Promise.resolve(service),
  openSession: () => reach("database"),
  reportError: () => reached.push("an internal error"),
};
const reportError = ports.reportError;

const endpoints = billingEndpoints(() => reach("storage"), {
  stripe: undefined,
  returnOrigins: ["https://app.example.com"],
});

/** Every edge function for an authorized caller, with no database and no network. */
export const HANDLERS: Readonly<Record<string, Answer>> = {
  billing: wrapped("billing", serve(endpoints, ports)),
  "create-stripe-invoice": wrapped("create-stripe-invoice", (request) =>
    handleCreate(request, {
      deliver: () => reach("stripe"),
      sync: () => reach("stripe"),
      reportError,
    })),
  deliver: wrapped("deliver", (request) =>
    handleDeliver(request, {
      work: () => Promise.resolve({ states: {}, more: false }),
      overview: () => reach("database"),
      reportError,
    })),
  "ingest-usage": wrapped(
    "ingest-usage",
    serve([ingestEndpoint], { ...ports, readBody: readEvents }),
  ),
  "reconcile-stripe": wrapped("reconcile-stripe", (request) =>
    handleReconcile(request, {
      reconcile: () => reach("stripe"),
      tell: () => reach("stripe"),
      meter: () => reach("stripe"),
      reportError,
    })),
  "render-invoice": wrapped(
    "render-invoice",
    (request) => handleRender(request, { loadInvoice: () => reach("database"), reportError }),
  ),
  "stripe-webhook": wrapped("stripe-webhook", (request) =>
    handleWebhook(request, {
      connection: {
        stripe: new Stripe("sk_test_functions"),
        store: { livemode: false, receiveEvent: () => reach("database") },
        now: () => new Date(),
      },
      secrets: [WEBHOOK_SECRET],
      processEvents: () => reach("stripe"),
      inBackground: () => {},
      reportError,
    })),
};

/** Where a function takes a body. */
export function pathOf(name: string): string {
  return name === "billing" ? "/billing/clients" : `/${name}`;
}

/** What a function says to a POST: status and stable code, and what it reached. */
export async function answerTo(
  name: string,
  body: BodyInit,
  headers: Record<string, string> = {},
): Promise<{ status: number; code: unknown; detail: unknown; headers: Headers }> {
  const answer = HANDLERS[name];
  if (answer === undefined) throw new Error(`no function ${name}`);
  const response = await answer(
    new Request(`http://functions.test${pathOf(name)}`, {
      method: "POST",
      body,
      headers: { "content-type": "application/json", apikey: "of the test", ...headers },
    }),
  );
  const { code, detail } = await response.json();
  return { status: response.status, code, detail, headers: response.headers };
}

function wrapped(name: string, answer: Answer): Answer {
  return withRequest(name, () => answer, { write: () => {} });
}

function reach(what: string): Promise<never> {
  reached.push(what);
  return Promise.reject(new Error(`${what} is out of reach of this test`));
}
