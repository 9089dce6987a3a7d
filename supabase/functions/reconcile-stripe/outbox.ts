import type Stripe from "stripe";
import { fromStripeAmount, toStripeAmount } from "../../../shared/stripe/amounts.ts";
import { actOnEvents } from "../_shared/stripe/events.ts";
import { describeError, isRateLimit, retryAfter } from "../_shared/stripe/failures.ts";
import { takeBalanceOver } from "../_shared/stripe/balance.ts";
import { deleteDraft } from "../_shared/stripe/invoices.ts";
import type { StripePorts } from "../_shared/stripe/ports.ts";
import { tellPartPayment } from "./part-payments.ts";
import { useStoredMethods } from "./setups.ts";
import type { OutboxTask } from "../_shared/stripe/rows.ts";

/** What was told, and what Stripe did not take. */
export interface OutboxReport {
  readonly done: number;
  readonly problems: readonly { readonly task: UntoldTask; readonly problem: string }[];
  /** The time was over before everything was tried. */
  readonly isCutOff?: boolean;
  /** Stripe has had too many requests: the rest was not tried. */
  readonly isRateLimited?: boolean;
  /** Seconds after which Stripe asks to try again. */
  readonly retryAfterSeconds?: number;
}

/** Whether the time of a call is over. */
type IsOver = () => boolean;

/** The same, after acting on events whose objects were still to be fetched. */
export async function actAndTell(ports: StripePorts, isOver: IsOver): Promise<OutboxReport> {
  await actOnEvents(ports, isOver);
  return await pushToStripe(ports, isOver);
}

/** What was not told, of which invoice of Stripe; null: of none. */
interface UntoldTask {
  readonly task: string;
  readonly stripe_invoice_id: string | null;
}

/**
 * Tells Stripe of voids, write-offs, payments made elsewhere and credit notes, and takes credit
 * balances over. Credit notes of one invoice go in order. An item that fails, or that had no time,
 * stops nothing else; it stays in the outbox and is tried at the next call.
 */
export async function pushToStripe(
  ports: StripePorts,
  isOver: IsOver = () => false,
): Promise<OutboxReport> {
  const { store } = ports;
  const problems: { task: UntoldTask; problem: string }[] = [];
  let done = 0;
  let isRateLimited = false;
  let seconds: number | undefined;
  const attempt = async (task: UntoldTask, work: () => Promise<boolean>) => {
    try {
      if (await work()) done += 1;
    } catch (error) {
      isRateLimited ||= isRateLimit(error);
      seconds = retryAfter(error);
      problems.push({ task, problem: describeError(error) });
    }
  };
  const isCutOff = () => isRateLimited || isOver();
  const cutOff = () => ({
    done,
    problems,
    isCutOff: true,
    ...(isRateLimited ? { isRateLimited } : {}),
    ...(isRateLimited && seconds !== undefined ? { retryAfterSeconds: seconds } : {}),
  });
  for (const task of await store.outbox()) {
    if (isCutOff()) return cutOff();
    await attempt(task, async () => {
      await tell(task, ports);
      return true;
    });
  }
  // A part payment waits for the credit notes of its invoice, which have just gone.
  for (const payment of await store.untoldPayments()) {
    if (isCutOff()) return cutOff();
    const { stripe_invoice_id } = payment;
    await attempt({ task: "part_paid", stripe_invoice_id }, () => tellPartPayment(payment, ports));
  }
  for (const customer of await store.movedBalances()) {
    if (isCutOff()) return cutOff();
    await attempt({ task: `balance of ${customer}`, stripe_invoice_id: null }, async () => {
      await takeBalanceOver(customer, ports);
      return false;
    });
  }
  if (isRateLimited) return cutOff();
  done += await useStoredMethods(ports, isOver);
  return { done, problems };
}

async function tell(task: OutboxTask, ports: StripePorts): Promise<void> {
  const { stripe, store, now } = ports;
  const id = task.stripe_invoice_id;
  if (task.task === "delete") {
    await deleteDraft(id, stripe);
    await store.saveProblem(task.invoice_id, "refused", "voided before it was sent", true);
    return;
  }
  const current = await stripe.invoices.retrieve(id);
  switch (task.task) {
    case "void":
      await store.applyInvoice(
        current.status === "void" ? current : await stripe.invoices.voidInvoice(id, {}, {
          idempotencyKey: `${id}-void`,
        }),
        now(),
      );
      return;
    case "write_off":
      await store.applyInvoice(
        current.status !== "open" ? current : await stripe.invoices.markUncollectible(id, {}, {
          idempotencyKey: `${id}-write-off`,
        }),
        now(),
      );
      return;
    case "paid_elsewhere":
      return await tellPaid(task, current, ports);
    case "credit_note":
      return await tellCredit(task, current, ports);
  }
}

async function tellPaid(
  task: OutboxTask,
  current: Stripe.Invoice,
  { stripe, store, now }: StripePorts,
): Promise<void> {
  if (current.status !== "open" && current.status !== "uncollectible") {
    await store.applyInvoice(current, now());
    return;
  }
  await store.savePaidOffStripe(
    task.invoice_id,
    fromStripeAmount(current.amount_remaining, task.currency),
  );
  const paid = await stripe.invoices.pay(current.id, { paid_out_of_band: true }, {
    idempotencyKey: `${current.id}-paid-elsewhere`,
  });
  await store.applyInvoice(paid, now());
}

/**
 * A credit note takes off what is still due first, the rest is given back: as a refund where we
 * refund, else outside of Stripe, because the client's balance is kept by us.
 */
async function tellCredit(
  task: OutboxTask,
  current: Stripe.Invoice,
  { stripe, store, now }: StripePorts,
): Promise<void> {
  if (task.credit_note_id === null) return;
  const { credit_note_id, currency } = task;
  const made = await findCreditNote(credit_note_id, current.id, stripe);
  if (made !== null) return await store.saveCreditNote(credit_note_id, made);
  const left = current.total - current.pre_payment_credit_notes_amount -
    current.post_payment_credit_notes_amount;
  const amount = Math.min(toStripeAmount(task.amount_minor, currency), left);
  if (amount <= 0) return await store.saveCreditNote(credit_note_id, `none:${credit_note_id}`);
  const given = amount - Math.min(amount, current.amount_remaining);
  const refund = Math.min(given, toStripeAmount(task.refund_minor, currency));
  const note = await stripe.creditNotes.create({
    invoice: current.id,
    amount,
    ...(refund > 0 ? { refund_amount: refund } : {}),
    ...(given > refund ? { out_of_band_amount: given - refund } : {}),
    memo: (task.memo ?? "Credit").slice(0, 500),
    email_type: "none",
    metadata: { leveredge_credit_note_id: credit_note_id },
  }, { idempotencyKey: `credit-note-${credit_note_id}` });
  await store.saveCreditNote(credit_note_id, note.id);
  await store.applyInvoice(await stripe.invoices.retrieve(current.id), now());
}

async function findCreditNote(own: string, invoice: string, stripe: Stripe) {
  for await (const note of stripe.creditNotes.list({ invoice, limit: 100 })) {
    if (note.metadata?.leveredge_credit_note_id === own) return note.id;
  }
  return null;
}
