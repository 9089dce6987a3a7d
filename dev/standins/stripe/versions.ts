/** The last version before invoices had several payments. */
export const BEFORE_BASIL = "2025-02-24.acacia";

type Fields = Record<string, unknown>;

/** What is asked of payments. */
interface PaymentOf {
  readonly invoice: string;
  readonly payment_intent: string | null;
  readonly charge: string | null;
  readonly amount_paid: number;
}

const isObject = (value: unknown): value is Fields => typeof value === "object" && value !== null;

/**
 * An object as events showed it before 2025-03-31.basil.
 * `docs.stripe.com/changelog/basil/2025-03-31/add-support-for-multiple-partial-payments-on-invoices`:
 * an invoice had one payment and named it, `amount_paid` left out what was paid out of band, a credit
 * note had one refund, and charges and payment intents named their invoice.
 */
export function shownBeforeBasil(object: unknown, payments: readonly PaymentOf[]): unknown {
  if (!isObject(object)) return object;
  const { id } = object;
  if (object.object === "invoice") {
    const paid = payments.filter(({ invoice }) => invoice === id);
    const [first] = paid.filter(({ charge }) => charge !== null);
    const outOfBand = paid.filter(({ charge }) => charge === null)
      .reduce((sum, { amount_paid }) => sum + amount_paid, 0);
    const { amount_overpaid: _, amount_paid, ...rest } = object;
    return {
      ...rest,
      amount_paid: Number(amount_paid) - outOfBand,
      charge: first?.charge ?? null,
      payment_intent: first?.payment_intent ?? null,
      paid: object.status === "paid",
      paid_out_of_band: outOfBand > 0,
    };
  }
  if (object.object === "credit_note") {
    const { refunds, pre_payment_amount: _, post_payment_amount: __, ...rest } = object;
    const [first]: unknown[] = Array.isArray(refunds) ? refunds : [];
    return { ...rest, refund: isObject(first) ? first.refund : null };
  }
  if (object.object === "charge" || object.object === "payment_intent") {
    const intent = object.object === "charge" ? object.payment_intent : id;
    const [payment] = payments
      .filter(({ payment_intent }) => payment_intent === intent);
    return { ...object, invoice: payment?.invoice ?? null };
  }
  return object;
}
