import type { Sql } from "postgres";
import type Stripe from "stripe";
import { z } from "zod";
import { ClientFacts, InvoiceFacts } from "../../../../shared/stripe/facts.ts";
import { eventStore } from "./event-store.ts";
import { jsonOf, text } from "./json-answers.ts";
import {
  BothSides,
  KnownInvoice,
  MeterDifference,
  MeterEvent,
  minor,
  NotedPayment,
  OutboxTask,
  ReconciliationRun,
  UntoldPayment,
} from "./rows.ts";

const ids = z.array(z.object({ id: z.string() }));

/** What is written down of Stripe, for one mode. Throws `PostgresError` when a statement fails. */
export type StripeStore = ReturnType<typeof stripeStore>;

/** The store in the database. `livemode` is that of the key in use. */
export function stripeStore(sql: Sql, livemode: boolean) {
  return {
    livemode,
    ...sendingStore(sql, livemode),
    ...moneyStore(sql, livemode),
    ...payoutStore(sql, livemode),
    ...eventStore(sql),
    ...outboxStore(sql, livemode),
    ...reconciliationStore(sql, livemode),
  };
}

/** Clients and invoices on their way to Stripe, and who mails an invoice. */
function sendingStore(sql: Sql, livemode: boolean) {
  return {
    invoiceFacts: async (id: string) =>
      InvoiceFacts.nullable().parse(
        await jsonOf(sql`select _billing.stripe_invoice_facts(${id}, ${livemode}) as json`),
      ),
    clientFacts: async (id: string) =>
      ClientFacts.nullable().parse(
        await jsonOf(sql`select _billing.stripe_client_facts(${id}, ${livemode}) as json`),
      ),
    clientIds: async () =>
      z.array(z.object({ id: z.uuid() })).parse([
        ...await sql`select id from public.clients order by created_at, id`,
      ]).map(({ id }) => id),
    saveCustomer: async (
      client: string,
      customer: string,
      digest: string,
      taxId: string | null,
    ) =>
      void await sql`
        select _billing.save_stripe_customer(${client}, ${livemode}, ${customer}, ${digest},
          ${taxId})`,
    begin: async (invoice: string) =>
      void await sql`select _billing.begin_stripe_invoice(${invoice}, ${livemode})`,
    saveDraft: async (invoice: string, stripeId: string) =>
      void await sql`select _billing.save_stripe_draft(${invoice}, ${livemode}, ${stripeId})`,
    saveProblem: async (
      invoice: string,
      state: "held" | "refused" | "creating",
      problem: string,
      draftDeleted: boolean,
    ) =>
      void await sql`
        select _billing.save_stripe_problem(${invoice}, ${livemode}, ${state}, ${problem},
          ${draftDeleted})`,
    forgetDraft: async (invoice: string, gone: string) =>
      void await sql`select _billing.forget_stripe_draft(${invoice}, ${livemode}, ${gone})`,
    saveLeftOver: async (invoice: string, amount: number) =>
      void await sql`select _billing.save_stripe_left_over(${invoice}, ${livemode}, ${amount})`,
    saveCarried: async (
      { invoice, held, credit_notes }: Pick<InvoiceFacts, "invoice" | "held" | "credit_notes">,
      total: number,
    ) =>
      void await sql`
        select _billing.save_stripe_carried(${invoice.id}, ${livemode}, ${text(held)}::text::jsonb,
          ${total}, array(select jsonb_array_elements_text(${
        text(credit_notes)
      }::text::jsonb))::uuid[])`,
    /** False where we mail it, or Stripe has been asked to. */
    claimMail: async (invoice: string) =>
      z.boolean().parse(
        await jsonOf(sql`select _billing.claim_mail(${invoice}, 'stripe') as json`),
      ),
    releaseMail: async (invoice: string) =>
      void await sql`select _billing.release_mail(${invoice})`,
    noteMailed: async (invoice: string) => void await sql`select _billing.note_mailed(${invoice})`,
  };
}

/** Money that moved at Stripe, and that of which it is not decided yet. */
function moneyStore(sql: Sql, livemode: boolean) {
  return {
    applyInvoice: async (invoice: Stripe.Invoice, seen: Date) =>
      await jsonOf(sql`
        select billing.apply_stripe_invoice(${text(invoice)}::text::jsonb, ${seen}) as json`),
    applyPayment: async (payment: Stripe.InvoicePayment, seen: Date) =>
      await jsonOf(sql`
        select billing.apply_stripe_invoice_payment(${text(payment)}::text::jsonb, ${seen})
          as json`),
    applyRefund: async (refund: Stripe.Refund, seen: Date) =>
      await jsonOf(sql`
        select billing.apply_stripe_refund(${text(refund)}::text::jsonb, ${seen}) as json`),
    applyDispute: async (dispute: Stripe.Dispute, seen: Date) =>
      await jsonOf(sql`
        select billing.apply_stripe_dispute(${text(dispute)}::text::jsonb, ${seen}) as json`),
    /** Stripe's ids of invoices that an earlier system has issued. */
    earlierInvoices: async () =>
      new Set(
        ids.parse([
          ...await sql`select stripe_invoice_id as id from billing.earlier_invoices
            where stripe_invoice_id is not null`,
        ]).map(({ id }) => id),
      ),
    unnamedPayments: async (since: string) =>
      ids.parse([
        ...await sql`
          select stripe_invoice_id as id
          from _billing.unnamed_stripe_payments(${since}::date, ${livemode})`,
      ]),
    undecidedRefunds: async () =>
      ids.parse([
        ...await sql`
          select refund_id as id from public.stripe_refunds
          where status in ('unknown', 'pending', 'requires_action')`,
      ]).map(({ id }) => id),
    undecidedDisputes: async () =>
      ids.parse([
        ...await sql`
          select dispute_id as id from public.stripe_disputes
          where status not in ('won', 'lost', 'prevented', 'warning_closed')`,
      ]).map(({ id }) => id),
    unknownInvoices: async (moves: readonly Stripe.CustomerBalanceTransaction[]) =>
      z.array(z.string()).parse(
        await jsonOf(sql`
          select to_json(_billing.unknown_balance_invoices(${text(moves)}::text::jsonb)) as json`),
      ),
    applyBalance: async (
      customer: string,
      moves: readonly Stripe.CustomerBalanceTransaction[],
      seen: Date,
    ) =>
      void await sql`
        select billing.apply_stripe_balance(${customer}, ${text(moves)}::text::jsonb, ${seen})`,
    movedBalances: async () =>
      z.array(z.object({ stripe_customer_id: z.string() })).parse([
        ...await sql`select * from _billing.moved_balances(${livemode})`,
      ]).map((row) => row.stripe_customer_id),
  };
}

/** Payouts to us, and clients who are setting up how they pay. */
function payoutStore(sql: Sql, livemode: boolean) {
  return {
    /** Whether what it is made of is to be listed. */
    savePayout: async (payout: Stripe.Payout) =>
      z.boolean().parse(
        await jsonOf(sql`
          select _billing.save_stripe_payout(${text(payout)}::text::jsonb) as json`),
      ),
    savePayoutTransactions: async (
      payout: string,
      transactions: readonly Stripe.BalanceTransaction[],
    ) =>
      void await sql`
        select _billing.save_payout_transactions(${payout}, ${text(transactions)}::text::jsonb)`,
    completePayout: async (payout: string) =>
      void await sql`select _billing.complete_payout(${payout})`,
    /** Null where its parts come to its amount, or are not all known. */
    payoutDifference: async (payout: string) =>
      z.object({ parts_minor: minor, amount_minor: minor }).nullable().parse(
        [...await sql`select * from _billing.payout_difference(${payout})`][0] ?? null,
      ),
    /** Whether a customer of Stripe is a client of ours, whatever it says itself. */
    isOwnCustomer: async (customer: string) =>
      z.boolean().parse(
        await jsonOf(sql`select _billing.client_of_customer(${customer}) is not null as json`),
      ),
    /** What invoices of ours are known as in Stripe, however old they are. */
    knownInvoices: async (invoices: readonly string[]) =>
      z.array(KnownInvoice).parse([
        ...await sql`select * from _billing.known_stripe_invoices(
          ${sql.array([...invoices])}::uuid[], ${livemode})`,
      ]),
    openSetups: async () =>
      z.array(z.object({ setup_intent_id: z.string(), stripe_customer_id: z.string() })).parse([
        ...await sql`select * from _billing.open_setups(${livemode})`,
      ]),
    saveSetup: async (id: string, isDone: boolean) =>
      void await sql`select _billing.save_setup(${id}, ${isDone})`,
  };
}

/** What Stripe is still to be told: credit notes, payments elsewhere, metered usage. */
function outboxStore(sql: Sql, livemode: boolean) {
  return {
    outbox: async () =>
      z.array(OutboxTask).parse([...await sql`select * from _billing.stripe_outbox(${livemode})`]),
    saveCreditNote: async (note: string, stripeId: string) =>
      void await sql`
        select _billing.save_stripe_credit_note(${note}, ${livemode}, ${stripeId})`,
    savePaidOffStripe: async (invoice: string, minor: number) =>
      void await sql`select _billing.save_paid_off_stripe(${invoice}, ${livemode}, ${minor})`,
    countPayments: async ({ payments }: Pick<InvoiceFacts, "payments">) =>
      void await sql`
        select _billing.count_payments(${livemode}, array(select jsonb_array_elements_text(${
        text(payments)
      }::text::jsonb))::uuid[])`,
    untoldPayments: async () =>
      z.array(UntoldPayment).parse([
        ...await sql`select * from _billing.untold_payments(${livemode})`,
      ]),
    /** What is noted of a payment that Stripe is told of; null: nothing yet. */
    paymentRecord: async (payment: string) =>
      NotedPayment.nullable().parse(
        [
          ...await sql`
          select payment_record_id, amount_minor, state from public.stripe_payment_records
          where payment_id = ${payment} and livemode = ${livemode}`,
        ][0] ?? null,
      ),
    beginPaymentRecord: async (payment: string, amount: number) =>
      void await sql`select _billing.begin_payment_record(${payment}, ${livemode}, ${amount})`,
    savePaymentRecord: async (payment: string, record: string | null, isTold: boolean) =>
      void await sql`
        select _billing.save_payment_record(${payment}, ${livemode}, ${record}, ${isTold})`,
    /** `received` is what Stripe says was paid for the invoice. */
    leavePayment: async (payment: string, received: number) =>
      void await sql`select _billing.leave_payment(${payment}, ${livemode}, ${received})`,
    dueMeterEvents: async (now: Date) =>
      z.array(MeterEvent).parse([
        ...await sql`select * from _billing.due_meter_events(${livemode}, ${now})`,
      ]),
    /** False when the event must not be sent. */
    beginMeterEvent: async (id: string, now: Date) =>
      z.boolean().parse(
        await jsonOf(sql`
        select _billing.begin_meter_event(${id}, ${now}) as json`),
      ),
    saveMeterEvent: async (
      id: string,
      outcome: "sent" | "refused" | "unsure",
      problem: string | null,
      now: Date,
    ) => void await sql`select _billing.save_meter_event(${id}, ${outcome}, ${problem}, ${now})`,
    meterDifferences: async (since: string, now: Date) =>
      z.array(MeterDifference).parse([
        ...await sql`
          select client, event_name, usage_day::text, used::text, sent, reason
          from _billing.meter_differences(${since}::date, ${livemode}, ${now})`,
      ]),
  };
}

/** Reconciliations, and what they report. */
function reconciliationStore(sql: Sql, livemode: boolean) {
  return {
    /** True when operators had not been told. */
    report: async (key: string, message: string) =>
      z.boolean().parse(
        await jsonOf(sql`
          select billing.queue_operator_alert(${`stripe:${key}`}, 'high',
            split_part(${message}, ':', 1), ${message}) > 0 as json`),
      ),
    beginReconciliation: async (days: number, at: Date) =>
      ReconciliationRun.parse(
        await jsonOf(sql`
          select to_jsonb(r) as json
          from _billing.begin_reconciliation(${livemode}, ${days}, ${at}) r`),
      ),
    saveReconciliation: async (
      id: string,
      { step, cursor, report }: Omit<ReconciliationRun, "id" | "since">,
      at: Date,
      /** When one that a rate limit ended goes on by itself. */
      due: Date | null = null,
    ) =>
      void await sql`
        select _billing.save_reconciliation(${id}, ${step}, ${cursor}, ${text(report)}::text::jsonb,
          ${at}, ${due})`,
    bothSides: async (since: string) =>
      z.array(BothSides).parse([
        ...await sql`select * from _billing.stripe_both_sides(${since}::date, ${livemode})`,
      ]),
  };
}
