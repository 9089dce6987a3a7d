import { balanceEndpoints } from "./balances.ts";
import { customerEndpoints } from "./customers.ts";
import { requestHandler, run } from "./requests.ts";
import { invoiceEndpoints } from "./invoices.ts";
import { remainingOf } from "./invoice-figures.ts";
import { miscellaneousEndpoints } from "./miscellaneous.ts";
import { disputeEndpoints } from "./disputes.ts";
import { paymentEndpoints } from "./payments.ts";
import { payoutEndpoints } from "./payouts.ts";
import { refundEndpoints } from "./refunds.ts";
import { type Endpoints, routesOf } from "./routes.ts";
import { sessionEndpoints } from "./sessions.ts";
import { State } from "./state.ts";
import { WebhookSender, type WebhookTarget } from "./webhooks.ts";

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
  const endpoints = endpointsOf(state, webhooks, card);
  const { payments, payouts, sessions } = endpoints;
  const requests = requestHandler(options, state, routesOf(endpoints));
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: options.port ?? 0, onListen: () => {} },
    requests.handle,
  );

  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    state,
    webhooks,
    faults: requests.faults,
    slowness: requests.slowness,
    seen: requests.seen,
    grantOnly: requests.grantOnly,
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
    dashboard: dashboardOf(state, endpoints),
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

function endpointsOf(
  state: State,
  webhooks: WebhookSender,
  card: { declined: boolean },
): Endpoints {
  const refunds = refundEndpoints(state);
  const payments = paymentEndpoints(state, refunds, card);
  return {
    balances: balanceEndpoints(state),
    customers: customerEndpoints(state),
    invoices: invoiceEndpoints(state, payments),
    payments,
    refunds,
    disputes: disputeEndpoints(state),
    payouts: payoutEndpoints(state),
    sessions: sessionEndpoints(state),
    other: miscellaneousEndpoints(state, webhooks),
  };
}

/** What somebody does in the Dashboard. */
function dashboardOf(
  state: State,
  { balances, customers, disputes, invoices, other, payments, refunds }: Endpoints,
) {
  return {
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
