import { balanceEndpoints } from "./balances.ts";
import { customerEndpoints } from "./customers.ts";
import { StripeFailure } from "./errors.ts";
import { decodeForm, type Form } from "./form.ts";
import { invoiceEndpoints } from "./invoices.ts";
import { remainingOf } from "./invoice-figures.ts";
import { miscellaneousEndpoints } from "./miscellaneous.ts";
import { disputeEndpoints } from "./disputes.ts";
import { refusalOf } from "./permissions.ts";
import { paymentEndpoints } from "./payments.ts";
import { payoutEndpoints } from "./payouts.ts";
import { refundEndpoints } from "./refunds.ts";
import { routesOf } from "./routes.ts";
import { sessionEndpoints } from "./sessions.ts";
import { State } from "./state.ts";
import { WebhookSender, type WebhookTarget } from "./webhooks.ts";

/** Something that goes wrong with the next requests whose `METHOD /path` begins so. */
export interface Fault {
  readonly request: string;
  /**
   * `403` (a restricted key without the permission), `429` and `500` before anything is done; `lost` does the work, then the connection breaks;
   * `500-after` does the work, then answers 500 (and the same again to the same key).
   */
  readonly kind: "403" | "429" | "500" | "lost" | "500-after";
  times: number;
}

/** A request as it was made, for tests that ask what was sent. */
export interface SeenRequest {
  readonly request: string;
  readonly status: number;
  readonly idempotencyKey: string | null;
  readonly params: Form;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export interface StripeOptions {
  readonly secretKey: string;
  readonly port?: number;
  /** Seconds since 1970; the machine's clock unless given. */
  readonly now?: () => number;
  readonly apiVersion?: string;
  /** Milliseconds that each answer takes besides. */
  readonly delay?: number;
}

/** A Stripe on loopback: stateful, strict about parameters, misbehaving on demand. */
export type StripeStandIn = ReturnType<typeof startStripe>;

/** Starts it. Test mode or live mode by the key, as at Stripe. */
export function startStripe(options: StripeOptions) {
  const now = options.now ?? (() => Math.floor(Date.now() / 1000));
  const webhooks = new WebhookSender(now);
  const state = new State(
    options.secretKey.startsWith("sk_live_"),
    now,
    options.apiVersion ?? "2026-10-28.endive",
    (event) => webhooks.queue(event),
  );
  const card = { declined: false };
  const balances = balanceEndpoints(state);
  const refunds = refundEndpoints(state);
  const disputes = disputeEndpoints(state);
  const payments = paymentEndpoints(state, refunds, card);
  const invoices = invoiceEndpoints(state, payments);
  const customers = customerEndpoints(state);
  const other = miscellaneousEndpoints(state, webhooks);
  const payouts = payoutEndpoints(state);
  const sessions = sessionEndpoints(state);
  const answer = routesOf({
    balances,
    customers,
    invoices,
    payments,
    refunds,
    disputes,
    payouts,
    sessions,
    other,
  });
  const slowness = { milliseconds: options.delay ?? 0 };
  const faults: Fault[] = [];
  const restricted: { granted: readonly string[] | null } = { granted: null };
  const seen: SeenRequest[] = [];
  const remembered = new Map<string, Answer & { readonly print: string }>();

  const server = Deno.serve(
    { hostname: "127.0.0.1", port: options.port ?? 0, onListen: () => {} },
    async (request) => {
      const url = new URL(request.url);
      const { milliseconds } = slowness;
      if (milliseconds > 0) await new Promise((resolve) => setTimeout(resolve, milliseconds));
      const name = `${request.method} ${url.pathname}`;
      const text = request.method === "POST" ? await request.text() : url.search.slice(1);
      const params = decodeForm(text);
      const key = request.headers.get("idempotency-key");
      const reply = (result: Answer, replayed = false) => {
        seen.push({ request: name, status: result.status, idempotencyKey: key, params });
        return respond(result, key, replayed, state.id("req"));
      };
      if (request.headers.get("authorization") !== `Bearer ${options.secretKey}`) {
        return reply(failed(new StripeFailure(401, "invalid_request_error", "Invalid API Key")));
      }
      const refusal = restricted.granted === null
        ? null
        : refusalOf(request.method, url.pathname, options.secretKey, restricted.granted);
      if (refusal !== null) return reply(failed(refusal));
      const fault = takeFault(faults, name);
      if (fault === "429") {
        // docs.stripe.com/rate-limits: nothing is done, and no header says when to come back;
        // docs.stripe.com/error-low-level has no `Stripe-Should-Retry` for it.
        return reply(failed(
          new StripeFailure(429, "invalid_request_error", "Too many requests", {
            code: "rate_limit",
          }),
        ));
      }
      if (fault === "403") {
        // docs.stripe.com/keys#limit-access
        return reply(failed(
          new StripeFailure(
            403,
            "invalid_request_error",
            "The provided key does not have the required permissions for this endpoint.",
          ),
        ));
      }
      if (fault === "500") return reply(failed(new StripeFailure(500, "api_error", "Sorry.")));
      const print = `${name}?${text}`;
      const known = key === null ? undefined : remembered.get(key);
      if (known !== undefined) {
        if (known.print === print) return reply(known, true);
        return reply(failed(
          new StripeFailure(
            400,
            "idempotency_error",
            "Keys for idempotent requests can only be used with the same parameters they were " +
              "first used with.",
          ),
        ));
      }
      state.requestKey = key;
      let result = run(() => answer(request.method, url.pathname, params));
      state.requestKey = null;
      if (fault === "500-after") {
        result = failed(new StripeFailure(500, "api_error", "Something broke after the work."));
      }
      // As at Stripe: what never began (a refused parameter) does not use the key up.
      if (key !== null && request.method === "POST" && result.status !== 400) {
        remembered.set(key, { ...result, print });
      }
      if (fault === "lost") {
        seen.push({ request: name, status: 0, idempotencyKey: key, params });
        return lostAnswer();
      }
      return reply(result);
    },
  );

  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    state,
    webhooks,
    faults,
    /** How long each answer takes besides. */
    slowness,
    seen,
    /** From now on the key is a restricted one that has these permissions. */
    grantOnly: (permissions: readonly string[]) => {
      restricted.granted = permissions;
    },
    /** The client pays what is left of an invoice, or a part of it, on its page. */
    payInvoice: (id: string, amount?: number) => {
      const invoice = state.invoice(id);
      payments.charge(invoice, amount ?? remainingOf(invoice));
    },
    /** The client tries to pay and its card is declined. */
    failPayment: (id: string) => {
      const invoice = state.invoice(id);
      card.declined = true;
      run(() => payments.charge(invoice));
      card.declined = false;
    },
    /** The client stores how it pays, on a page of ours. */
    completeSetup: sessions.complete,
    verifySetup: sessions.verify,
    /** From now on the cards of all customers are declined. */
    declineAll: () => {
      card.declined = true;
    },
    /** Stripe pays out, and charges for itself. */
    payOut: payouts.pay,
    chargeFee: payouts.chargeFee,
    /** What somebody does in the Dashboard. */
    dashboard: {
      refund: (invoice: string, amount?: number, status?: "pending") => {
        const payment = state.paymentsOf(invoice).find(({ charge }) => charge !== null);
        if (payment === undefined) throw new Error(`${invoice} is not paid`);
        return refunds.make(payment, amount ?? payment.amount_paid - payment.refunded, status);
      },
      concludeRefund: refunds.conclude,
      credit: payments.createCreditNote,
      voidCreditNote: payments.voidCreditNote,
      voidInvoice: invoices.void,
      writeOff: invoices.writeOff,
      revise: (id: string, amount: number) => reviseInvoice(state, invoices, id, amount),
      addCustomer: customers.add,
      transferCash: customers.transfer,
      addTaxId: customers.createTaxId,
      verifyTaxId: customers.verifyTaxId,
      removeTaxId: customers.removeTaxId,
      updateCustomer: customers.update,
      deleteCustomer: customers.remove,
      giveCredit: balances.giveCredit,
      configure: other.configure,
      dispute: disputes.open,
      decideDispute: disputes.decide,
      addMeter: other.addMeter,
      subscribe: other.subscribe,
      changeSubscription: other.changeSubscription,
      changePrices: other.changePrices,
    },
    sendWebhooksTo: (target: WebhookTarget) => {
      webhooks.target = target;
    },
    stop: async () => {
      webhooks.target = undefined;
      await webhooks.settled();
      await server.shutdown();
    },
  };
}

/**
 * "Edit invoice": `docs.stripe.com/invoicing/invoice-edits`. A revision is an invoice of its own with
 * the metadata of the one that it replaces, which becomes void when the revision is finalized.
 */
function reviseInvoice(
  state: State,
  invoices: ReturnType<typeof invoiceEndpoints>,
  id: string,
  amount: number,
): string {
  const { customer, currency, metadata, number } = state.invoice(id);
  const made = invoices.create({
    customer,
    currency,
    collection_method: "send_invoice",
    days_until_due: 30,
    metadata: { ...metadata },
    number: `${number}-R1`,
  });
  const revision = state.invoice(made.id);
  revision.from_invoice = { action: "revision", invoice: id };
  invoices.addLines(made.id, { lines: [{ amount }] });
  invoices.finalize(made.id, {});
  state.invoice(id).latest_revision = made.id;
  invoices.void(id);
  return made.id;
}

function run(work: () => unknown): Answer {
  try {
    return { status: 200, body: work() };
  } catch (error) {
    if (error instanceof StripeFailure) return failed(error);
    throw error;
  }
}

function failed(failure: StripeFailure): Answer {
  return { status: failure.status, body: failure.body() };
}

function takeFault(faults: Fault[], request: string): Fault["kind"] | undefined {
  const fault = faults.find((one) => one.times > 0 && request.startsWith(one.request));
  if (fault === undefined) return undefined;
  fault.times -= 1;
  return fault.kind;
}

function respond({ status, body }: Answer, key: string | null, replayed: boolean, id: string) {
  return Response.json(body, {
    status,
    headers: {
      "request-id": id,
      ...(key === null ? {} : { "idempotency-key": key }),
      ...(replayed ? { "idempotent-replayed": "true" } : {}),
    },
  });
}

/** The head of an answer and then a broken connection. */
function lostAnswer(): Response {
  return new Response(
    new ReadableStream({
      start: (controller) => controller.error(new Error("connection lost")),
    }),
    { headers: { "content-type": "application/json" } },
  );
}
