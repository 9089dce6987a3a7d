import type { Sql } from "postgres";
import type Stripe from "stripe";
import { z } from "zod";
import { batchQueue } from "../postgres/batch-queue.ts";
import { ClientFacts, InvoiceFacts } from "../../../../shared/stripe/facts.ts";
import {
  BothSides,
  KnownInvoice,
  MeterDifference,
  MeterEvent,
  minor,
  ObjectToFetch,
  OutboxTask,
  ReconciliationRun,
  UntoldPayment,
} from "./rows.ts";

const ids = z.array(z.object({ id: z.string() }));
const counts = z.array(z.object({ done: z.int() }));

/** Events acted on by one call, each in a transaction of its own. */
const BATCH = 25;

/** What is written down of Stripe, for one mode. Throws `PostgresError` when a statement fails. */
export type StripeStore = ReturnType<typeof stripeStore>;

/** The store in the database. `livemode` is that of the key in use. */
export function stripeStore(sql: Sql, livemode: boolean) {
  const jsonOf = async (rows: PromiseLike<readonly Record<string, unknown>[]>) =>
    (await rows)[0]?.json ?? null;
  const text = (value: unknown) => JSON.stringify(value);
  return {
    livemode,
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
    applyCreditNote: async (note: Stripe.CreditNote, seen: Date) =>
      await jsonOf(sql`
        select billing.apply_stripe_credit_note(${text(note)}::text::jsonb, ${seen}) as json`),
    /** What came of it; null where its customer is none of ours. */
    applySubscription: async (subscription: Stripe.Subscription, seen: Date) =>
      await jsonOf(sql`
        select case when billing.owner_of_subscription(s) is not null
          then billing.apply_stripe_subscription(s, ${seen}) end as json
        from (select ${text(subscription)}::text::jsonb) x(s)`),
    forgetCustomer: async (customer: string, seen: Date) =>
      void await sql`select billing.forget_stripe_customer(${customer}, ${seen})`,
    receiveEvents: async (events: readonly Stripe.Event[]) =>
      minor.parse(
        await jsonOf(sql`
          select count(*) filter (where billing.receive_stripe_event(e)) as json
          from jsonb_array_elements(${text(events)}::text::jsonb) e`),
      ),
    /** True when the event, a JSON text, is new. Those that come together are stored together. */
    receiveEvent: batchQueue(async (payloads: readonly string[]) =>
      z.array(z.object({ is_new: z.boolean() })).parse([
        ...await sql`
          select billing.receive_stripe_event(e.event) as is_new
          from jsonb_array_elements(${`[${payloads.join()}]`}::text::jsonb) with ordinality
            e(event, place) order by e.place`,
      ]).map(({ is_new }) => is_new)
    ),
    objectsToFetch: async (limit: number) =>
      z.array(ObjectToFetch).parse([
        ...await sql`select * from _billing.stripe_events_to_fetch(${limit})`,
      ]),
    /** Null: the object is none that anything is done about. */
    saveFetched: async (events: readonly string[], object: unknown, at: Date) =>
      void await sql`
        select _billing.save_fetched_object(${sql.array([...events])}::text[],
          ${object === null ? null : text(object)}::text::jsonb, ${at})`,
    saveFetchProblem: async (events: readonly string[], error: string, gone: boolean) =>
      void await sql`
        select _billing.save_fetch_problem(${sql.array([...events])}::text[], ${error}, ${gone})`,
    /**
     * Until nothing is due, or so many batches are done: then true. Each event is committed by
     * itself, because it holds the books of its client.
     */
    processEvents: async (batches = Infinity) => {
      let done = BATCH;
      for (let batch = 0; done === BATCH && batch < batches; batch++) {
        const [acted] = counts.parse([
          ...await sql`call _billing.act_on_stripe_events(${BATCH}, 0)`,
        ]);
        done = acted?.done ?? 0;
      }
      return done === BATCH;
    },
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
