import { invalid, missing, StripeFailure } from "./errors.ts";
import { TRANSFERS } from "./customers.ts";
import { applyBalance, moveBalance } from "./balances.ts";
import { remainingOf, shown, totalOf } from "./invoice-figures.ts";
import type { Params } from "./params.ts";
import type { Payments } from "./payments.ts";
import type { Invoice, Line } from "./objects.ts";
import { page, type State, within } from "./state.ts";

/**
 * Below this an invoice is not collected: it is marked paid and goes to the customer's balance.
 * `docs.stripe.com/currencies#minimum-and-maximum-charge-amounts`.
 */
const MINIMUM: Record<string, number> = { usd: 50, eur: 50, gbp: 30, jpy: 50, chf: 50, cad: 50 };
const THREE_DECIMALS = new Set(["bhd", "jod", "kwd", "omr", "tnd"]);
const DAY = 86_400;

/** docs.stripe.com/currencies#minimum-and-maximum-charge-amounts: eight digits, with exceptions. */
const MOST_DIGITS: Record<string, number> = { cop: 10, huf: 10, idr: 12, inr: 9, jpy: 10, lbp: 12 };
const largest = (currency: string) => 10 ** (MOST_DIGITS[currency] ?? 8) - 1;

/** Invoices: drafts, their finalization, and the ways out of `open`. */
export function invoiceEndpoints(state: State, payments: Payments) {
  return { ...draftEndpoints(state), ...collectionEndpoints(state, payments) };
}

function draftEndpoints(state: State) {
  return {
    create: (params: Params<"POST /v1/invoices">) => {
      const invoice = newInvoice(state, params);
      state.invoices.set(invoice.id, invoice);
      emit(state, "invoice.created", invoice);
      return shown(invoice);
    },
    retrieve: (id: string) => shown(state.invoice(id)),
    remove: (id: string) => {
      const deleted = draft(state, id, "delete");
      state.invoices.delete(id);
      // docs.stripe.com/api/events/types#event_types-invoice.deleted: of drafts.
      emit(state, "invoice.deleted", deleted);
      return { id, object: "invoice", deleted: true };
    },
    list: (params: Params<"GET /v1/invoices">) =>
      page(
        "/v1/invoices",
        [...state.invoices.values()].filter(({ customer, status, created }) =>
          (params.customer === undefined || params.customer === customer) &&
          (params.status === undefined || params.status === status) &&
          within(created, params.created)
        ).map(shown),
        params,
      ),
    lines: (id: string, params: Params<"GET /v1/invoices/:id/lines">) =>
      page(`/v1/invoices/${id}/lines`, [...state.invoice(id).lines].reverse(), params),
    addLines: (id: string, { lines }: Params<"POST /v1/invoices/:id/add_lines">) => {
      const invoice = draft(state, id, "add lines to");
      // docs.stripe.com/invoicing/group-line-items: an invoice has at most 250 lines.
      if (invoice.lines.length + lines.length > 250) {
        throw invalid("An invoice can have at most 250 line items.");
      }
      invoice.lines.push(...lines.map((line): Line => ({
        id: state.id("il"),
        object: "line_item",
        amount: line.amount,
        currency: invoice.currency,
        description: line.description ?? null,
        discountable: line.discountable ?? false,
        invoice: id,
        livemode: state.livemode,
        metadata: line.metadata ?? {},
        period: line.period ?? { start: invoice.created, end: invoice.created },
        quantity: 1,
        subtotal: line.amount,
      })));
      return shown(invoice);
    },
    finalize: (id: string, params: Params<"POST /v1/invoices/:id/finalize">) =>
      shown(finalize(state, draft(state, id, "finalize"), params)),
  };
}

function collectionEndpoints(state: State, payments: Payments) {
  return {
    update: (id: string, { auto_advance }: Params<"POST /v1/invoices/:id">) => {
      const invoice = state.invoice(id);
      // docs.stripe.com/invoicing/integration/automatic-advancement-collection: of what is draft or
      // open; of an open one that is not charged it is whether reminders are mailed.
      if (invoice.status !== "draft" && invoice.status !== "open") {
        throw invalid("Automatic advancement is off for invoices that are concluded.");
      }
      invoice.auto_advance = auto_advance ?? invoice.auto_advance;
      emit(state, "invoice.updated", invoice);
      return shown(invoice);
    },
    send: (id: string) => {
      const invoice = state.invoice(id);
      if (invoice.collection_method !== "send_invoice") {
        throw invalid(
          "You can only manually send an invoice if its collection method is `send_invoice`.",
        );
      }
      if (invoice.status === "draft") throw invalid("Finalize the invoice first.");
      mail(state, invoice);
      return shown(invoice);
    },
    pay: (id: string, { paid_out_of_band }: Params<"POST /v1/invoices/:id/pay">) => {
      const invoice = collectible(state.invoice(id), "pay");
      if (paid_out_of_band) payments.outOfBand(invoice);
      else payments.charge(invoice);
      return shown(invoice);
    },
    void: (id: string) => {
      const invoice = collectible(state.invoice(id), "void");
      if (invoice.amount_paid > 0) throw invalid("You cannot void a partially paid invoice.");
      // docs.stripe.com/changelog/2019-12-03/customer-balances-returned-voided-invoices
      const applied = invoice.starting_balance - (invoice.ending_balance ?? 0);
      if (applied !== 0) {
        moveBalance(state, state.customer(invoice.customer), {
          amount: applied,
          currency: invoice.currency,
          type: "unapplied_from_invoice",
          invoice: id,
        });
      }
      invoice.status = "void";
      invoice.status_transitions.voided_at = state.now();
      emit(state, "invoice.voided", invoice);
      return shown(invoice);
    },
    writeOff: (id: string) => {
      const invoice = state.invoice(id);
      if (invoice.status !== "open") {
        throw invalid("You can only mark an open invoice as uncollectible.");
      }
      invoice.status = "uncollectible";
      invoice.status_transitions.marked_uncollectible_at = state.now();
      emit(state, "invoice.marked_uncollectible", invoice);
      return shown(invoice);
    },
  };
}

function finalize(
  state: State,
  invoice: Invoice,
  { auto_advance }: Params<"POST /v1/invoices/:id/finalize">,
): Invoice {
  const { id } = invoice;
  const total = totalOf(invoice);
  if (THREE_DECIMALS.has(invoice.currency) && total % 10 !== 0) {
    throw invalid(`Invalid amount: ${invoice.currency} amounts must end in 0.`, {
      code: "invalid_charge_amount_no_decimal_compatible",
    });
  }
  if (total < 0) throw invalid("The total of an invoice cannot be negative here.");
  invoice.status = "open";
  invoice.number ??= `STANDIN-${state.id("no").slice(-6)}`;
  invoice.auto_advance = auto_advance ?? invoice.auto_advance;
  invoice.due_date ??= invoice.days_until_due === null
    ? null
    : state.now() + invoice.days_until_due * DAY;
  invoice.hosted_invoice_url = `https://invoice.stripe.com/i/acct_standin/${id}`;
  invoice.invoice_pdf = `https://pay.stripe.com/invoice/acct_standin/${id}/pdf`;
  invoice.status_transitions.finalized_at = state.now();
  applyBalance(state, invoice, total);
  const isCarriedOver = isOutOfBounds(invoice);
  if (isCarriedOver) carryOver(state, invoice);
  emit(state, "invoice.finalized", invoice);
  if (isCarriedOver) emit(state, "invoice.paid", invoice);
  // docs.stripe.com/invoicing/integration/automatic-advancement-collection: with automatic
  // advancement Stripe mails what it does not charge, without it nobody is mailed.
  else if (invoice.auto_advance && invoice.collection_method === "send_invoice") {
    mail(state, invoice);
  }
  return invoice;
}

function isOutOfBounds(invoice: Invoice): boolean {
  const due = remainingOf(invoice);
  return due < minimumOf(invoice) || due > largest(invoice.currency);
}

function minimumOf({ currency }: Invoice): number {
  return MINIMUM[currency] ?? 1;
}

/** `docs.stripe.com/billing/customer/balance`: paid at once, what is due becomes a debt. */
function carryOver(state: State, invoice: Invoice): void {
  const due = remainingOf(invoice);
  if (due > 0) {
    invoice.ending_balance = (invoice.ending_balance ?? 0) + due;
    moveBalance(state, state.customer(invoice.customer), {
      amount: due,
      currency: invoice.currency,
      type: due < minimumOf(invoice) ? "invoice_too_small" : "invoice_too_large",
      invoice: invoice.id,
    });
  }
  invoice.status = "paid";
  invoice.status_transitions.paid_at = state.now();
}

function emit(state: State, type: string, invoice: Invoice): void {
  state.emit(type, shown(invoice));
}

function mail(state: State, invoice: Invoice): void {
  state.mails.push(invoice.id);
  emit(state, "invoice.sent", invoice);
}

function draft(state: State, id: string, doing: string): Invoice {
  const invoice = state.invoice(id);
  if (invoice.status !== "draft") throw invalid(`You can only ${doing} draft invoices.`);
  return invoice;
}

function collectible(invoice: Invoice, doing: string): Invoice {
  if (invoice.status === "open" || invoice.status === "uncollectible") return invoice;
  throw invalid(`You can only ${doing} open or uncollectible invoices: it is ${invoice.status}.`, {
    ...(invoice.status === "paid" ? { code: "invoice_already_paid" } : {}),
  });
}

/**
 * Methods by currency: `docs.stripe.com/invoicing/payment-methods`. A bank transfer says its kind, and
 * is not charged automatically: `docs.stripe.com/invoicing/bank-transfer`.
 */
function checkMethods(params: Params<"POST /v1/invoices">): void {
  const { payment_method_types = [], payment_method_options } = params.payment_settings ?? {};
  const transfer = payment_method_options?.customer_balance.bank_transfer.type ?? "";
  const currencies: Record<string, string | undefined> = {
    card: params.currency,
    sepa_debit: "eur",
    us_bank_account: "usd",
    customer_balance: TRANSFERS[transfer],
  };
  for (const method of payment_method_types) {
    if (currencies[method] !== params.currency) {
      throw invalid(`The payment method ${method} is not supported for ${params.currency}.`, {
        param: "payment_settings[payment_method_types]",
      });
    }
    if (method === "customer_balance" && params.collection_method !== "send_invoice") {
      throw invalid("customer_balance is only for `collection_method=send_invoice`.");
    }
  }
}

function newInvoice(state: State, params: Params<"POST /v1/invoices">): Invoice {
  const customer = state.customer(params.customer);
  if (customer.deleted) throw missing("customer", params.customer);
  const method = params.collection_method ?? "charge_automatically";
  if (method === "send_invoice") {
    if (params.days_until_due === undefined && params.due_date === undefined) {
      throw invalid("`days_until_due` or `due_date` is required for `send_invoice`.");
    }
    if (!customer.email) {
      throw invalid("Missing email. In order to send invoices, the customer must have an email.");
    }
    if (params.due_date !== undefined && params.due_date < state.now()) {
      throw invalid("`due_date` must be in the future.", { param: "due_date" });
    }
  } else if (params.days_until_due !== undefined || params.due_date !== undefined) {
    throw invalid("`due_date` is only for `collection_method=send_invoice`.");
  }
  if (
    params.number !== undefined &&
    [...state.invoices.values()].some(({ number }) => number === params.number)
  ) throw new StripeFailure(400, "invalid_request_error", "That invoice number is taken.");
  checkMethods(params);
  return {
    id: state.id("in"),
    object: "invoice",
    created: state.now(),
    livemode: state.livemode,
    customer: params.customer,
    currency: params.currency,
    collection_method: method,
    days_until_due: params.days_until_due ?? null,
    metadata: params.metadata ?? {},
    description: params.description ?? null,
    status: "draft",
    number: params.number ?? null,
    auto_advance: params.auto_advance ?? false,
    due_date: params.due_date ?? null,
    lines: [],
    amount_paid: 0,
    amount_overpaid: 0,
    attempt_count: 0,
    attempted: false,
    hosted_invoice_url: null,
    invoice_pdf: null,
    pre_payment_credit_notes_amount: 0,
    post_payment_credit_notes_amount: 0,
    starting_balance: 0,
    ending_balance: null,
    from_invoice: null,
    latest_revision: null,
    payment_settings: params.payment_settings,
    status_transitions: {
      finalized_at: null,
      marked_uncollectible_at: null,
      paid_at: null,
      voided_at: null,
    },
  };
}
