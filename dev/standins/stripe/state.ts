import { missing } from "./errors.ts";
import type {
  AccountMove,
  BalanceTransaction,
  CreditNote,
  Customer,
  Dispute,
  Event,
  Invoice,
  Payment,
  Payout,
  Refund,
  SetupIntent,
  SetupSession,
} from "./objects.ts";
import type { Params } from "./params.ts";
import { shownBeforeBasil } from "./versions.ts";

/** Everything this Stripe knows. Ids count up, so that runs are alike. */
export class State {
  readonly customers = new Map<string, Customer>();
  readonly taxIds = new Map<
    string,
    { id: string; customer: string; type: string; value: string }
  >();
  readonly invoices = new Map<string, Invoice>();
  readonly payments = new Map<string, Payment>();
  readonly creditNotes = new Map<string, CreditNote>();
  readonly refunds = new Map<string, Refund>();
  readonly disputes = new Map<string, Dispute>();
  readonly balanceTransactions: BalanceTransaction[] = [];
  /** Called with each tax id before it is added: may throw. */
  onTaxId: (taxId: { customer: string; type: string; value: string }) => void = () => {};
  /** Invoices that were mailed, each time. */
  readonly mails: string[] = [];
  readonly subscriptions = new Map<string, Record<string, unknown> & { id: string }>();
  /** Amounts of payments elsewhere that were reported, and currency. */
  /** What customers transferred and is on no invoice, by currency. */
  readonly cash = new Map<string, Record<string, number>>();
  readonly paymentRecords = new Map<string, { amount: number; currency: string }>();
  readonly accountMoves: AccountMove[] = [];
  readonly payouts = new Map<string, Payout>();
  readonly setupSessions = new Map<string, SetupSession>();
  readonly setupIntents = new Map<string, SetupIntent>();
  /** Whether the customer portal has been configured in the Dashboard. */
  hasPortal = true;
  /** Whether objects can be searched; not everywhere they can. */
  hasSearch = true;
  /** Names that meters of this account listen to. */
  readonly meters = new Set<string>();
  readonly meterEvents = new Map<string, Params<"POST /v1/billing/meter_events">>();
  readonly events: Event[] = [];
  /** Of payments that succeeded or failed, as they were then. */
  readonly intents = new Map<string, { readonly id: string }>();
  /** What events are rendered in: `docs.stripe.com/api/events/object` (api_version). */
  eventVersion: string;
  /** The key of the request that is being answered; its events name it. */
  requestKey: string | null = null;
  #count = 0;
  readonly #paymentsOf = new Map<string, Payment[]>();

  constructor(
    readonly livemode: boolean,
    readonly now: () => number,
    readonly apiVersion: string,
    readonly onEvent: (event: Event) => void,
  ) {
    this.eventVersion = apiVersion;
  }

  id(prefix: string): string {
    this.#count += 1;
    return `${prefix}_standin${String(this.#count).padStart(8, "0")}`;
  }

  /** Keeps an event and hands it to the webhook sender. */
  emit(type: string, object: unknown, previous_attributes?: unknown): void {
    const isOld = this.eventVersion < "2025-03-31";
    const shown = isOld ? shownBeforeBasil(object, [...this.payments.values()]) : object;
    const event: Event = {
      id: this.id("evt"),
      object: "event",
      api_version: this.eventVersion,
      created: this.now(),
      livemode: this.livemode,
      type,
      pending_webhooks: 1,
      request: { id: null, idempotency_key: this.requestKey },
      data: structuredClone({
        object: shown,
        ...(previous_attributes ? { previous_attributes } : {}),
      }),
    };
    this.events.push(event);
    this.onEvent(event);
  }

  addPayment(payment: Payment): void {
    this.payments.set(payment.id, payment);
    const known = this.#paymentsOf.get(payment.invoice);
    if (known === undefined) this.#paymentsOf.set(payment.invoice, [payment]);
    else known.push(payment);
  }

  /** The payments of an invoice, in order. There may be thousands of others. */
  paymentsOf(invoice: string): readonly Payment[] {
    return this.#paymentsOf.get(invoice) ?? [];
  }

  customer(id: string): Customer {
    const found = this.customers.get(id);
    if (found === undefined) throw missing("customer", id);
    return found;
  }

  invoice(id: string): Invoice {
    const found = this.invoices.get(id);
    if (found === undefined) throw missing("invoice", id);
    return found;
  }
}

/** One page of objects, newest first, as Stripe lists. */
export function page<T extends { id: string }>(
  url: string,
  all: Iterable<T>,
  { limit = 10, starting_after }: { limit?: number; starting_after?: string },
): unknown {
  const items = [...all].reverse();
  const start = starting_after === undefined
    ? 0
    : items.findIndex(({ id }) => id === starting_after) + 1;
  const data = items.slice(start, start + limit);
  return { object: "list", url, data, has_more: start + limit < items.length };
}

/** Whether a time lies in the range of a `created` parameter. */
export function within(
  created: number,
  range: { gt?: number; gte?: number; lt?: number; lte?: number } | undefined,
): boolean {
  const { gt = -1, gte = 0, lt = Infinity, lte = Infinity } = range ?? {};
  return created > gt && created >= gte && created < lt && created <= lte;
}
