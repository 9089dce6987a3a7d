import { deepStrictEqual, ok } from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import { openStripe } from "../../../supabase/functions/_shared/stripe/client.ts";
import { outcomeOfFailure } from "../../../supabase/functions/_shared/stripe/failures.ts";
import { bucketStore } from "../../../supabase/functions/_shared/outbound/storage.ts";
import { boundedFetch } from "../../../supabase/functions/_shared/outbound/bounded-fetch.ts";
import { archivePdf } from "../../../supabase/functions/deliver/kinds/archive.ts";
import { deliverEmail } from "../../../supabase/functions/deliver/kinds/email.ts";
import { deliverNotification } from "../../../supabase/functions/deliver/kinds/hermes.ts";
import { fetchPriceSource } from "../../../supabase/functions/deliver/outbound/price-source.ts";
import { priceSyncer } from "../../../supabase/functions/deliver/kinds/price-sync.ts";
import { fileJson } from "../../../supabase/functions/deliver/kinds/json.ts";
import { logExporter } from "../../../supabase/functions/deliver/kinds/log-export.ts";
import { hermesNotifier } from "../../../supabase/functions/deliver/outbound/hermes.ts";
import { resendSender } from "../../../supabase/functions/deliver/outbound/mail/resend.ts";
import { smtpSender } from "../../../supabase/functions/deliver/outbound/mail/smtp.ts";
import type { SendMail } from "../../../supabase/functions/deliver/outbound/mail/message.ts";
import { DELIVERY_KINDS, type DeliveryKind } from "../../../shared/delivery-kinds.ts";
import { byKind } from "../../../supabase/functions/deliver/kinds/all.ts";
import type {
  DeliveryHandler,
  DeliveryJob,
  KindOff,
} from "../../../supabase/functions/deliver/types.ts";
import { LIMITS, work } from "../../../supabase/functions/deliver/worker.ts";
import type { DeliveryOutcome } from "../../../supabase/functions/_shared/outbound/outcome.ts";
import { acme } from "../../../shared/document/samples.ts";
import { BAD_ANSWERS, startBadService } from "../support/bad-service.ts";

const ID = "0b8e6c1a-4d8f-4e61-9a53-1b7c52b3f1aa";
const FROM = "B <b@leveredge.test>";
const off = { off: "off in this test" };
const document = {
  loadInvitation: () => Promise.resolve(null),
  loadDocument: () =>
    Promise.resolve({
      document: acme,
      number: "INV-2026-000001",
      clientId: ID,
      status: "open" as const,
      amountDueMinor: 100,
      email: "client@example.test",
      paymentUrl: null,
      stripeInvoiceId: null,
      bankTransfer: [],
      paymentPageUrl: null,
    }),
  claimMail: () => Promise.resolve(true),
  freshPayLink: () => Promise.resolve(null),
  renderer: { render: () => Promise.resolve(new Uint8Array([37, 80])), spent: () => 0 },
};
const mail = (send: SendMail): DeliveryHandler => (job) =>
  deliverEmail(job, { ...document, send, from: FROM });
const storage = (port: number) =>
  createClient(`http://127.0.0.1:${port}`, "key", {
    auth: { persistSession: false },
    global: { fetch: boundedFetch({ bytes: 1_000_000, withinMs: 1000 }) },
  });

/** Every kind of delivery with the service that it asks, at a port of this machine. */
const KINDS: Record<
  string,
  { kind: DeliveryKind; protocol: "http" | "smtp"; handler: (port: number) => DeliveryHandler }
> = {
  "HERMES": {
    kind: "hermes",
    protocol: "http",
    handler: (port) => {
      const notify = hermesNotifier({ url: `http://127.0.0.1:${port}`, channel: "slack" });
      return (job) => deliverNotification(job, notify);
    },
  },
  "mail by Resend": {
    kind: "email",
    protocol: "http",
    handler: (port) =>
      mail(resendSender({ key: "re_1", from: FROM, base: `http://127.0.0.1:${port}` })),
  },
  "mail by SMTP": {
    kind: "email",
    protocol: "smtp",
    handler: (port) => mail(smtpSender(`smtp://127.0.0.1:${port}`, FROM).send),
  },
  "archive in Storage": {
    kind: "archive",
    protocol: "http",
    handler: (port) => (job) =>
      archivePdf(job, { ...document, files: bucketStore(storage(port), "invoices") }),
  },
  "JSON in Storage": {
    kind: "json",
    protocol: "http",
    handler: (port) => (job) =>
      fileJson(job, { ...document, files: bucketStore(storage(port), "invoices") }),
  },
  "logs in Storage": {
    kind: "log_export",
    protocol: "http",
    handler: (port) =>
      logExporter({
        files: bucketStore(storage(port), "usage-logs"),
        logs: {
          read: () => Promise.resolve({ lines: "{}\n", log_count: "1", checksum: "1" }),
          save: () => Promise.resolve(),
          stored: () => Promise.resolve(null),
        },
        now: () => 0,
      }).store,
  },
  "list prices": {
    kind: "price_sync",
    protocol: "http",
    handler: (port) =>
      priceSyncer({
        tables: {
          url: () => Promise.resolve(`http://127.0.0.1:${port}/prices.json`),
          isCompared: () => Promise.resolve(false),
          compare: () => Promise.reject(new Error("it was taken for list prices")),
          noteProblem: () => Promise.resolve(),
        },
        fetchText: (url) => fetchPriceSource(url, { bytes: 1_000_000, withinMs: 1000 }),
        now: () => 0,
        today: () => new Date(0),
      }).sync,
  },
  "Stripe": {
    kind: "stripe",
    protocol: "http",
    handler: (port) => {
      const opened = openStripe({
        STRIPE_API_KEY: "sk_test_of_bad_services",
        STRIPE_API_BASE: `http://127.0.0.1:${port}`,
        STRIPE_WEBHOOK_SECRET: undefined,
      });
      return async () => {
        try {
          const { id } = await opened?.stripe.customers.retrieve("cus_1") ?? { id: "none" };
          if (typeof id !== "string") throw new Error(`a customer without an id: ${id}`);
          return { kind: "done", externalId: id };
        } catch (error) {
          return outcomeOfFailure(error);
        }
      };
    },
  },
};

Deno.test("every kind of delivery asks services that answer badly", () => {
  const asked = new Set(Object.values(KINDS).map(({ kind }) => kind));
  deepStrictEqual([...asked].sort(), [...DELIVERY_KINDS].sort());
});

for (const [name, { kind, protocol, handler }] of Object.entries(KINDS)) {
  for (const way of BAD_ANSWERS) {
    Deno.test({
      name: `${name}, ${way}: one delivery ends, the run goes on`,
      // What a service holds open goes on after the delivery was given up; it ends by itself.
      sanitizeResources: false,
      sanitizeOps: false,
      fn: async () => {
        const service = startBadService(protocol, way);
        try {
          const { finished, states } = await run(kind, handler(service.port));
          // Once each: nothing is lost, nothing is finished twice.
          deepStrictEqual(finished.map(({ job }) => job).sort(), ["1", "2"]);
          for (const { outcome } of finished) assertStorable(outcome);
          const [bad, good] = ["1", "2"].map((id) =>
            finished.find(({ job }) => job === id)?.outcome.kind
          );
          ok(bad === "retry" || bad === "dead" || way.endsWith("success"), `${bad}`);
          deepStrictEqual(good, "done", JSON.stringify(states));
          ok(service.sent() < 40_000_000, `${service.sent()} bytes were taken`);
        } finally {
          await service.stop();
        }
      },
    });
  }
}

/** A run of two deliveries of a kind: the first asks the service, the second is well. */
async function run(kind: DeliveryKind, handler: DeliveryHandler) {
  const waiting = [job("1", kind), job("2", kind)];
  const finished: { job: string; outcome: DeliveryOutcome }[] = [];
  const handlers = byKind((): DeliveryHandler | KindOff => off);
  const { states } = await work({
    queue: {
      claim: (_, howMany) => Promise.resolve(waiting.splice(0, howMany)),
      claimAlone: () => Promise.resolve(null),
      finish: (done, outcome) => {
        finished.push({ job: done.id, outcome });
        return Promise.resolve(outcome.kind);
      },
      skip: () => Promise.resolve(0),
      wake: () => Promise.resolve("woken"),
    },
    handlers: {
      ...handlers,
      [kind]: (one: DeliveryJob) =>
        one.id === "1" ? handler(one) : Promise.resolve({ kind: "done" }),
    },
    now: () => performance.now(),
    cpu: () => 0,
    reportError: () => {},
  }, { ...LIMITS, deliveryMs: 1500 });
  return { finished, states };
}

function job(id: string, kind: DeliveryKind): DeliveryJob {
  return {
    id,
    kind,
    event: "invoice_issued",
    dedupe_key: `invoice_issued:${id}:${kind}`,
    client_id: ID,
    invoice_id: ID,
    credit_note_id: null,
    payload: { message: "hello", month: "2026-06-01", part: 1, source: "litellm" },
    lease: ID,
    attempts: 1,
  };
}

/** What `_billing.finish_delivery` can store: text without NUL, seconds that an interval takes. */
function assertStorable(outcome: DeliveryOutcome): void {
  const text = JSON.stringify(outcome);
  ok(text.length < 8000, `${text.length} characters`);
  JSON.stringify(outcome, (_, value) => {
    if (typeof value === "string") ok(value.isWellFormed() && !value.includes("\0"), text);
    return value;
  });
  const seconds = "retryAfterSeconds" in outcome ? outcome.retryAfterSeconds ?? 0 : 0;
  ok(seconds >= 0 && seconds <= 86_400, `retry after ${seconds} s`);
}
