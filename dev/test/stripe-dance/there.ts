/** Moves of people in Stripe's Dashboard, of payers and of banks. */
import { remainingOf, totalOf } from "../../standins/stripe/invoice-figures.ts";
import type { Invoice, Payment } from "../../standins/stripe/objects.ts";
import type { Kind, Move } from "./moves.ts";
import { partOf, pick } from "./pick.ts";
import type { DanceWorld } from "./world.ts";

/** Does it, and says what was done; undefined where there is nothing to do it to. */
export type Dancer = (
  world: DanceWorld,
  move: Move,
) => string | undefined | Promise<string | undefined>;

const invoicesOf = ({ stripe }: DanceWorld, is: (invoice: Invoice) => boolean) =>
  [...stripe.state.invoices.values()].filter(is);

const isDue = (invoice: Invoice) =>
  (invoice.status === "open" || invoice.status === "uncollectible") && remainingOf(invoice) > 0;

const unitOf = ({ clients }: DanceWorld, currency: string) =>
  clients.find((client) => client.currency.toLowerCase() === currency)?.unit ?? 1;

const isAlive = ({ stripe }: DanceWorld, customer: string) =>
  stripe.state.customers.get(customer)?.deleted === undefined;

/** The first payment of an invoice, if it went through Stripe. */
function chargeOf({ stripe }: DanceWorld, invoice: Invoice): Payment | undefined {
  const [first] = stripe.state.paymentsOf(invoice.id);
  return first?.charge === null ? undefined : first;
}

/** The payments that are disputed; all that ever were, or those of which the money is gone. */
const disputedIn = ({ stripe }: DanceWorld, isGone = false) =>
  new Set(
    [...stripe.state.disputes.values()].filter(({ status }) => !isGone || status !== "won")
      .map(({ payment_intent }) => payment_intent),
  );

/** What of the first payment can be refunded; nothing of what is disputed or lost. */
function refundable(world: DanceWorld): (invoice: Invoice) => number {
  const gone = disputedIn(world, true);
  return (invoice) => {
    const payment = chargeOf(world, invoice);
    if (payment === undefined || gone.has(payment.payment_intent)) return 0;
    return payment.amount_paid - payment.refunded;
  };
}

function refund(world: DanceWorld, move: Move, status?: "pending"): string | undefined {
  const left = refundable(world);
  const invoice = pick(invoicesOf(world, (one) => left(one) > 0), move);
  if (invoice === undefined) return undefined;
  const amount = partOf(left(invoice), unitOf(world, invoice.currency), move);
  const { id } = world.stripe.dashboard.refund(invoice.id, amount, status);
  return `refund ${id} of ${amount} of ${invoice.id}${status === undefined ? "" : ", pending"}`;
}

function pay(world: DanceWorld, move: Move, amountOf: (remaining: number, unit: number) => number) {
  const invoice = pick(
    invoicesOf(world, (one) => isDue(one) && isAlive(world, one.customer)),
    move,
  );
  if (invoice === undefined) return undefined;
  const amount = amountOf(remainingOf(invoice), unitOf(world, invoice.currency));
  world.stripe.payInvoice(invoice.id, amount);
  return `${amount} paid for ${invoice.id}`;
}

function creditNote(world: DanceWorld, move: Move): string | undefined {
  const left = (one: Invoice) =>
    totalOf(one) - one.pre_payment_credit_notes_amount - one.post_payment_credit_notes_amount;
  const invoice = pick(
    invoicesOf(
      world,
      (one) => ["open", "paid", "uncollectible"].includes(one.status) && left(one) > 0,
    ),
    move,
  );
  if (invoice === undefined) return undefined;
  const amount = partOf(left(invoice), unitOf(world, invoice.currency), move);
  const given = amount - Math.min(amount, Math.max(remainingOf(invoice), 0));
  const how = move.b % 3 === 0 && given <= refundable(world)(invoice)
    ? "refund_amount" as const
    : move.b % 3 === 1 && isAlive(world, invoice.customer)
    ? "credit_amount" as const
    : "out_of_band_amount" as const;
  const { id } = world.stripe.dashboard.credit({
    invoice: invoice.id,
    amount,
    memo: "Outage",
    ...(given > 0 ? { [how]: given } : {}),
  });
  return `credit note ${id} of ${amount} on ${invoice.id}, ${given} of it ${how}`;
}

function concludeRefund({ stripe }: DanceWorld, move: Move): string | undefined {
  const refunds = [...stripe.state.refunds.values()].filter(({ status }) =>
    status === "pending" || status === "succeeded"
  );
  // Those that wait for it come first; one that succeeded may still fail.
  const pending = refunds.filter(({ status }) => status === "pending");
  const found = pick(pending.length > 0 ? pending : refunds, move);
  if (found === undefined) return undefined;
  const status = found.status === "succeeded"
    ? "failed" as const
    : (["succeeded", "failed", "canceled"] as const)[move.a % 3] ?? "failed";
  stripe.dashboard.concludeRefund(found.id, status);
  return `refund ${found.id} ${status}`;
}

function voidNote({ stripe }: DanceWorld, move: Move): string | undefined {
  const note = pick(
    [...stripe.state.creditNotes.values()].filter((one) =>
      one.status === "issued" && one.post_payment_amount === 0 &&
      stripe.state.invoice(one.invoice).status === "open"
    ),
    move,
  );
  if (note === undefined) return undefined;
  stripe.dashboard.voidCreditNote(note.id);
  return `credit note ${note.id} voided there`;
}

/** Of what is left of a payment, or of a part of that. */
function dispute(world: DanceWorld, move: Move): string | undefined {
  const disputed = disputedIn(world);
  const left = (one: Invoice) => {
    const payment = chargeOf(world, one);
    if (payment === undefined || disputed.has(payment.payment_intent)) return 0;
    return payment.amount_paid - payment.refunded;
  };
  const invoice = pick(invoicesOf(world, (one) => left(one) > 0), move);
  if (invoice === undefined) return undefined;
  const amount = partOf(left(invoice), unitOf(world, invoice.currency), move);
  const id = world.stripe.dashboard.dispute(invoice.id, amount);
  return `dispute ${id} of ${amount} of ${invoice.id}`;
}

function decideDispute({ stripe }: DanceWorld, move: Move): string | undefined {
  const open = pick(
    [...stripe.state.disputes.values()].filter(({ status }) => status === "needs_response"),
    move,
  );
  if (open === undefined) return undefined;
  const status = move.a % 2 === 0 ? "won" : "lost";
  stripe.dashboard.decideDispute(open.id, status);
  return `dispute ${open.id} ${status}`;
}

function adjustBalance({ stripe, clients }: DanceWorld, move: Move): string | undefined {
  const customer = pick(
    [...stripe.state.customers.values()].filter(({ deleted }) => deleted === undefined),
    move,
  );
  const client = clients.find(({ name }) => name === customer?.name);
  if (customer === undefined || client === undefined) return undefined;
  // Credit mostly; now and then a debt.
  const amount = client.unit * (50 + move.b % 900) * (move.a % 5 === 0 ? -1 : 1);
  stripe.dashboard.giveCredit(customer.id, amount, client.currency.toLowerCase());
  return `credit of ${amount} given to ${customer.id} (${customer.name})`;
}

function revise(world: DanceWorld, move: Move): string | undefined {
  const invoice = pick(
    invoicesOf(
      world,
      (one) =>
        one.status === "open" && one.amount_paid === 0 && isAlive(world, one.customer) &&
        one.pre_payment_credit_notes_amount === 0 && one.latest_revision === null,
    ),
    move,
  );
  if (invoice === undefined) return undefined;
  const more = move.a % 3 === 0 ? unitOf(world, invoice.currency) * 100 : 0;
  const amount = totalOf(invoice) + more;
  return `${invoice.id} is now ${world.stripe.dashboard.revise(invoice.id, amount)} of ${amount}`;
}

function end(world: DanceWorld, move: Move, how: "voidInvoice" | "writeOff"): string | undefined {
  const invoice = pick(
    invoicesOf(
      world,
      (one) => one.status === "open" && (how === "writeOff" || one.amount_paid === 0),
    ),
    move,
  );
  if (invoice === undefined) return undefined;
  world.stripe.dashboard[how](invoice.id);
  return `${invoice.id}: ${how} there`;
}

export const THERE: Partial<Record<Kind, Dancer>> = {
  pay: (world, move) => pay(world, move, (remaining) => remaining),
  part_pay: (world, move) =>
    pay(world, move, (remaining, unit) => partOf(remaining, unit, { ...move, a: 1 })),
  overpay: (world, move) =>
    pay(world, move, (remaining, unit) => remaining + unit * (50 + move.b % 500)),
  decline: (world, move) => {
    const invoice = pick(invoicesOf(world, isDue), move);
    if (invoice === undefined) return undefined;
    world.stripe.failPayment(invoice.id);
    return `a card is declined for ${invoice.id}`;
  },
  refund: (world, move) => refund(world, move),
  refund_pending: (world, move) => refund(world, move, "pending"),
  conclude_refund: concludeRefund,
  note_there: creditNote,
  void_note: voidNote,
  dispute,
  decide_dispute: decideDispute,
  adjust_balance: adjustBalance,
  revise,
  void_there: (world, move) => end(world, move, "voidInvoice"),
  write_off_there: (world, move) => end(world, move, "writeOff"),
  delete_customer: (world, move) => {
    const customer = pick(
      [...world.stripe.state.customers.values()].filter(({ deleted }) => deleted === undefined),
      move,
    );
    if (customer === undefined) return undefined;
    world.stripe.dashboard.deleteCustomer(customer.id);
    return `customer ${customer.id} deleted there`;
  },
};
