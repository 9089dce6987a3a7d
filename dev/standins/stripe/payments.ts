import { moveBalance } from "./balances.ts";
import { invalid, missing, StripeFailure } from "./errors.ts";
import { remainingOf, shown, totalOf } from "./invoice-figures.ts";
import type { Params } from "./params.ts";
import { feeOf, moveAccount } from "./payouts.ts";
import type { Refunds } from "./refunds.ts";
import type { CreditNote, Invoice, Payment } from "./objects.ts";
import { page, type State, within } from "./state.ts";

/** What moves money: charges, payments elsewhere, credit notes. */
export type Payments = ReturnType<typeof paymentEndpoints>;

/** While `card.declined`, every charge fails as a declined card does. */
export function paymentEndpoints(
  state: State,
  refunds: Refunds,
  card: { readonly declined: boolean },
) {
  return {
    ...payingEndpoints(state, card),
    ...paymentReads(state),
    ...creditNoteEndpoints(state, refunds),
  };
}

function payingEndpoints(state: State, card: { readonly declined: boolean }) {
  return {
    charge: (invoice: Invoice, amount = remainingOf(invoice)) =>
      chargeCard(state, card, invoice, amount),
    outOfBand: (invoice: Invoice) =>
      settle(state, invoice, keep(state, invoice, remainingOf(invoice), null)),
    /**
     * `docs.stripe.com/api/payment-record/report-payment`: a payment that is over is guaranteed. In
     * tens where the currency has thousandths.
     */
    report: (params: Params<"POST /v1/payment_records/report_payment">) => {
      const { amount_requested: { currency, value }, metadata = {} } = params;
      if (params.outcome !== "guaranteed" || params.guaranteed === undefined) {
        throw invalid("The outcome of the payment is missing.");
      }
      const id = state.id("pr");
      state.paymentRecords.set(id, { amount: value, currency });
      return { id, object: "payment_record", livemode: state.livemode, metadata };
    },
    /**
     * `docs.stripe.com/api/invoices/attach_payment`: what has succeeded is credited to the invoice at
     * once, all of it, and only while the invoice is open.
     */
    attach: (
      id: string,
      { payment_record }: Params<"POST /v1/invoices/:id/attach_payment">,
    ) => {
      const invoice = state.invoice(id);
      const record = state.paymentRecords.get(payment_record);
      if (record === undefined) throw missing("payment_record", payment_record);
      if (invoice.status !== "open") throw invalid("You can only attach to open invoices.");
      if (record.currency !== invoice.currency) throw invalid("The currencies differ.");
      const known = [...state.payments.values()].some((one) =>
        one.payment_record === payment_record
      );
      if (known) throw invalid("The payment record is attached already.");
      if (record.amount > remainingOf(invoice)) {
        throw invalid("The amount exceeds what is left to be paid.");
      }
      settle(state, invoice, keep(state, invoice, record.amount, null, payment_record));
      return shown(invoice);
    },
  };
}

function paymentReads(state: State) {
  return {
    listPayments: (params: Params<"GET /v1/invoice_payments">) =>
      page(
        "/v1/invoice_payments",
        (params.invoice === undefined
          ? [...state.payments.values()]
          : state.paymentsOf(params.invoice)).filter(({ payment_intent }) =>
            params.payment?.payment_intent === undefined ||
            params.payment.payment_intent === payment_intent
          ).map((payment) => shownPayment(state, payment)),
        params,
      ),
    retrievePayment: (id: string) => {
      const payment = state.payments.get(id);
      if (payment === undefined) throw missing("invoice_payment", id);
      return shownPayment(state, payment);
    },
    retrieveIntent: (id: string) => {
      const intent = state.intents.get(id);
      if (intent === undefined) throw missing("payment_intent", id);
      return intent;
    },
  };
}

function creditNoteEndpoints(state: State, refunds: Refunds) {
  return {
    retrieveCreditNote: (id: string) => {
      const note = state.creditNotes.get(id);
      if (note === undefined) throw missing("credit_note", id);
      return note;
    },
    createCreditNote: (params: Params<"POST /v1/credit_notes">) =>
      creditNote(state, refunds, params),
    voidCreditNote: (id: string) => voidCreditNote(state, id),
    listCreditNotes: (params: Params<"GET /v1/credit_notes">) =>
      page(
        "/v1/credit_notes",
        [...state.creditNotes.values()].filter(({ invoice, created }) =>
          (params.invoice === undefined || params.invoice === invoice) &&
          within(created, params.created)
        ),
        params,
      ),
  };
}

/** Fails as a declined card does while `card.declined`. */
function chargeCard(
  state: State,
  card: { readonly declined: boolean },
  invoice: Invoice,
  amount: number,
): void {
  invoice.attempted = true;
  invoice.attempt_count += 1;
  const intent = intentOf(state.id("pi"), invoice, amount);
  if (card.declined) {
    const last_payment_error = { code: "card_declined", message: "Your card was declined." };
    const failed = { ...intent, status: "requires_payment_method", last_payment_error };
    state.intents.set(intent.id, failed);
    state.emit("payment_intent.payment_failed", failed);
    state.emit("invoice.payment_failed", shown(invoice));
    throw new StripeFailure(402, "card_error", "Your card was declined.", {
      code: "card_declined",
      decline_code: "generic_decline",
    });
  }
  const payment = keep(state, invoice, amount, intent.id);
  moveAccount(state, {
    amount,
    currency: invoice.currency,
    fee: feeOf(amount),
    source: { id: payment.charge ?? "", object: "charge", payment_intent: intent.id },
    type: "charge",
  });
  const succeeded = { ...intent, latest_charge: payment.charge, status: "succeeded" };
  state.intents.set(intent.id, succeeded);
  state.emit("payment_intent.succeeded", succeeded);
  settle(state, invoice, payment);
}

function intentOf(id: string, invoice: Invoice, amount: number) {
  return {
    id,
    object: "payment_intent",
    amount,
    currency: invoice.currency,
    customer: invoice.customer,
    livemode: invoice.livemode,
    latest_charge: null,
  };
}

function keep(
  state: State,
  invoice: Invoice,
  amount: number,
  intent: string | null,
  record?: string,
): Payment {
  const payment: Payment = {
    id: state.id("inpay"),
    invoice: invoice.id,
    payment_intent: intent,
    charge: intent === null ? null : state.id("ch"),
    ...(record === undefined ? {} : { payment_record: record }),
    amount_paid: amount,
    created: state.now(),
    refunded: 0,
  };
  state.addPayment(payment);
  return payment;
}

function settle(state: State, invoice: Invoice, payment: Payment): void {
  invoice.amount_paid += payment.amount_paid;
  state.emit("invoice_payment.paid", shownPayment(state, payment));
  if (remainingOf(invoice) > 0) {
    state.emit("invoice.updated", shown(invoice));
    return;
  }
  invoice.status = "paid";
  invoice.status_transitions.paid_at = state.now();
  state.emit("invoice.paid", shown(invoice));
  // docs.stripe.com/api/invoices/object (amount_overpaid): it is credited to the customer's balance.
  const over = -remainingOf(invoice);
  if (over <= 0) return;
  invoice.amount_overpaid = over;
  moveBalance(state, state.customer(invoice.customer), {
    amount: -over,
    currency: invoice.currency,
    type: "invoice_overpaid",
    invoice: invoice.id,
  });
  state.emit("invoice.overpaid", shown(invoice));
}

function shownPayment(state: State, payment: Payment) {
  const { id, invoice, payment_intent, amount_paid, created } = payment;
  return {
    id,
    object: "invoice_payment",
    amount_paid,
    amount_requested: amount_paid,
    created,
    currency: state.invoice(invoice).currency,
    invoice,
    is_default: true,
    livemode: state.livemode,
    payment: payment_intent === null
      ? { type: "payment_record", payment_record: payment.payment_record ?? `pr_${id}` }
      : { type: "payment_intent", payment_intent },
    status: "paid",
    status_transitions: { canceled_at: null, paid_at: created },
  };
}

/** What a credit note takes off: all, and that before and after payment. Throws where too much. */
function creditedBy(params: Params<"POST /v1/credit_notes">, invoice: Invoice) {
  if (
    invoice.status !== "open" && invoice.status !== "paid" && invoice.status !== "uncollectible"
  ) {
    throw invalid("Credit notes are for finalized invoices.");
  }
  const given = [params.credit_amount, params.refund_amount, params.out_of_band_amount];
  const post = given.reduce<number>((sum, part) => sum + (part ?? 0), 0);
  const amount = params.amount ?? post;
  const before = Math.min(amount, Math.max(remainingOf(invoice), 0));
  const credited = invoice.pre_payment_credit_notes_amount +
    invoice.post_payment_credit_notes_amount;
  if (amount <= 0 || amount > totalOf(invoice) - credited) {
    throw invalid("The credit note amount exceeds what is left to credit on the invoice.");
  }
  if (amount - before !== post) {
    throw invalid(
      `The sum of credit amount, refund amount and out of band amount (${post}) must equal the ` +
        `post payment amount (${amount - before}).`,
    );
  }
  return { amount, before, post };
}

function creditNote(
  state: State,
  { parts }: Refunds,
  params: Params<"POST /v1/credit_notes">,
): CreditNote {
  const invoice = state.invoice(params.invoice);
  const { amount, before, post } = creditedBy(params, invoice);
  const refunds = parts(invoice, params.refund_amount ?? 0);
  invoice.pre_payment_credit_notes_amount += before;
  invoice.post_payment_credit_notes_amount += post;
  const notes =
    [...state.creditNotes.values()].filter((note) => note.invoice === invoice.id).length;
  const note: CreditNote = {
    id: state.id("cn"),
    object: "credit_note",
    created: state.now(),
    livemode: state.livemode,
    invoice: invoice.id,
    customer: invoice.customer,
    currency: invoice.currency,
    number: `${invoice.number}-CN-${notes + 1}`,
    amount,
    total: amount,
    pre_payment_amount: before,
    post_payment_amount: post,
    out_of_band_amount: params.out_of_band_amount ?? null,
    refunds,
    memo: params.memo ?? null,
    reason: params.reason ?? null,
    status: "issued",
    voided_at: null,
    type: post === 0 ? "pre_payment" : before === 0 ? "post_payment" : "mixed",
    metadata: params.metadata ?? {},
  };
  state.creditNotes.set(note.id, note);
  if ((params.credit_amount ?? 0) > 0) {
    moveBalance(state, state.customer(invoice.customer), {
      amount: -(params.credit_amount ?? 0),
      currency: invoice.currency,
      type: "credit_note",
      invoice: invoice.id,
      credit_note: note.id,
    });
  }
  state.emit("credit_note.created", note);
  if (invoice.status !== "paid" && remainingOf(invoice) <= 0) {
    invoice.status = "paid";
    invoice.status_transitions.paid_at = state.now();
    state.emit("invoice.paid", shown(invoice));
  }
  return note;
}

/**
 * `docs.stripe.com/invoicing/dashboard/credit-notes` (Void a credit note): only of an invoice that is
 * open, and what it took off is due again.
 */
function voidCreditNote(state: State, id: string): CreditNote {
  const note = state.creditNotes.get(id);
  if (note === undefined) throw missing("credit_note", id);
  const invoice = state.invoice(note.invoice);
  if (note.status === "void" || invoice.status !== "open") {
    throw invalid("You can only void credit notes of open invoices.");
  }
  note.status = "void";
  note.voided_at = state.now();
  invoice.pre_payment_credit_notes_amount -= note.pre_payment_amount;
  state.emit("credit_note.voided", note);
  state.emit("invoice.updated", shown(invoice));
  return note;
}
