import type { Day } from "../../shared/rater/calendar.ts";
import type {
  ChargedSections,
  CreditCalendar,
  CreditEntry,
  CreditEvent,
  CreditGrant,
  IssuedInvoice,
  Move,
} from "./credit-events.ts";
import { type Book, burnOrder, giveBack, mayPay, type Paid, usesOf } from "./credit-uses.ts";
import { Taxes } from "./credit-taxes.ts";
import { Promotions } from "./promotions.ts";

/** What has gone back of a top-up's payments beyond what was taken of its credit. */
interface Gone {
  readonly byNotes: bigint[];
  byDisputes: bigint;
}

/**
 * What becomes of grants, by the rules of docs/domain.md: each entry that has to be in the books.
 */
export function replayCredits(
  events: readonly CreditEvent[],
  calendar: CreditCalendar,
): CreditEntry[] {
  const replay = new Replay(calendar);
  for (const event of events) {
    if (event.do === "grant") replay.grant(event.grant);
    else if (event.do === "invoice") replay.invoice(event.invoice, event.at);
    else if (event.do === "sections") replay.sections(event);
    else replay.undo(event);
  }
  return replay.entries;
}

class Replay {
  readonly entries: CreditEntry[] = [];
  readonly #taxes = new Taxes();
  readonly #grants = new Map<string, CreditGrant>();
  readonly #moves = new Map<string, Move[]>();
  readonly #invoices = new Map<string, Paid>();
  readonly #gone = new Map<string, Gone>();
  readonly #calendar: CreditCalendar;
  readonly #settled: Settled;
  readonly #promotions: Promotions;

  constructor(calendar: CreditCalendar) {
    this.#calendar = calendar;
    this.#promotions = new Promotions(calendar);
    this.#settled = new Settled(calendar);
  }

  grant(grant: CreditGrant): void {
    this.#grants.set(grant.id, grant);
    const old = this.#grants.get(grant.continues ?? "");
    this.#taxes.bought(grant);
    if (old !== undefined) {
      this.#book(old, "rollover", -this.#left(old.id, grant.from), grant.from);
      this.#taxes.rolledOver(old, grant);
    }
    this.#book(grant, "grant", grant.amount, grant.from);
    // Of credit that had expired nothing was taken: it counted as used.
    if (old !== undefined && (old.until === null || old.until > grant.granted)) return;
    for (const [bought, amount] of returnedTo([{ grant, amount: grant.amount }], this.#grants)) {
      this.#takeRestBack(bought, amount, grant.from);
    }
  }

  invoice(invoice: IssuedInvoice, at: bigint): void {
    const usable = [...this.#grants.values()].filter((grant) =>
      mayPay(grant, invoice, at, this.#calendar.dayOf)
    );
    const uses = usesOf(invoice, usable.sort(burnOrder), (id) => this.#left(id, at));
    for (const use of uses) this.#book(use.grant, "use", -use.amount, at, use.line);
    const byGrants = uses.reduce((sum, use) => sum + use.amount, 0n);
    this.#invoices.set(invoice.id, { invoice, uses, byGrants, offDue: 0n, moneyBack: 0n });
    this.#settled.issue(invoice);
  }

  /** What lines that are booked at once use of promotional credit, and give back. */
  sections(event: ChargedSections): void {
    const left = (id: string) => this.#left(id, event.at);
    for (const { grant, amount, line } of this.#promotions.charge(event, this.#grants, left)) {
      this.#book(grant, amount < 0n ? "discount" : "discount_return", amount, event.at, line);
    }
  }

  undo(event: Extract<CreditEvent, { do: "credit" | "void" | "dispute" }>): void {
    const paid = this.#invoices.get(event.invoice);
    const gone = this.#gone.get(event.invoice) ?? { byNotes: [], byDisputes: 0n };
    this.#gone.set(event.invoice, gone);
    const back = (amount: bigint) => amount - this.#takeBack(event.invoice, amount, event.at);
    if (event.do === "void") {
      for (const { grant, amount } of this.#promotions.void(event.invoice, this.#grants)) {
        this.#book(grant, amount < 0n ? "discount" : "discount_return", amount, event.at);
      }
    }
    if (event.do === "credit") gone.byNotes.push(back(event.amount - event.offDue));
    if (event.do === "dispute") gone.byDisputes += back(event.amount);
    if (event.do === "dispute" || paid === undefined) return;
    if (event.do === "void") this.#settled.void(paid.invoice);
    const kept = giveBack(paid, event, this.#book);
    for (const [bought, amount] of returnedTo(kept, this.#grants)) {
      this.#takeRestBack(bought, amount, event.at);
    }
  }

  readonly #book: Book = (grant, kind, amount, at, line = null) => {
    if (amount === 0n) return;
    const { until } = grant;
    this.#moves.set(grant.id, [...this.#moves.get(grant.id) ?? [], { at, amount }]);
    const tax = this.#taxes.move(grant, amount);
    this.entries.push({ grant: grant.id, kind, amount, tax, at, line });
    if (until === null) return;
    const ends = kind === "grant" ? "expiry" : amount < 0n ? "release" : "reopening";
    // What happens after the expiry changes nothing of what was before.
    const ended = { amount: -amount, tax: -tax, at: later(until, at), line };
    this.entries.push({ grant: grant.id, kind: ends, ...ended });
  };

  #left(id: string, at: bigint): bigint {
    return leastFrom(this.#moves.get(id) ?? [], at);
  }

  /** Takes what is left; expired credit goes last, while an invoice may still take it. */
  #takeBack(bought: string, amount: bigint, at: bigint): bigint {
    const held = boughtBy(bought, [...this.#grants.values()]);
    const expired = (grant: CreditGrant) => grant.until !== null && grant.until <= at;
    const usable = [
      ...held.filter((grant) => !expired(grant)),
      ...held.filter((grant) => expired(grant) && this.#settled.mayPay(grant)),
    ];
    let rest = amount;
    for (const grant of usable) {
      const from = later(at, grant.from);
      const left = this.#left(grant.id, from);
      const taken = left < rest ? left : rest;
      rest -= taken;
      this.#book(grant, "withdrawal", -taken, from);
    }
    return amount - rest;
  }

  #takeRestBack(bought: string, most: bigint, at: bigint): void {
    const gone = this.#gone.get(bought);
    if (gone === undefined) return;
    let rest = most;
    const take = (amount: bigint) => {
      const taken = this.#takeBack(bought, amount < rest ? amount : rest, at);
      rest -= taken;
      return amount - taken;
    };
    gone.byNotes.forEach((amount, place) => gone.byNotes[place] = take(amount));
    gone.byDisputes = take(gone.byDisputes);
  }
}

/** Which periods have an invoice that stands. */
class Settled {
  readonly #issued = new Map<string, Set<Day>>();
  readonly #void = new Map<string, Set<Day>>();
  readonly #calendar: CreditCalendar;

  constructor(calendar: CreditCalendar) {
    this.#calendar = calendar;
  }

  issue({ client, period }: IssuedInvoice): void {
    if (period === null) return;
    this.#of(this.#issued, client).add(period);
    this.#of(this.#void, client).delete(period);
  }

  void({ client, period }: IssuedInvoice): void {
    if (period === null) return;
    this.#of(this.#issued, client).delete(period);
    this.#of(this.#void, client).add(period);
  }

  /** Of credit that has expired: an invoice of a period that began before is still to come. */
  mayPay({ client, until }: CreditGrant): boolean {
    if (until === null) return true;
    const last = this.#calendar.dayOf(client, until - 1n);
    return !this.#of(this.#issued, client).has(this.#calendar.periodOf(client, last)) ||
      [...this.#of(this.#void, client)].some((period) => period <= last);
  }

  #of(periods: Map<string, Set<Day>>, client: string): Set<Day> {
    const known = periods.get(client) ?? new Set<Day>();
    periods.set(client, known);
    return known;
  }
}

/** What grants keep of what came back, by the invoice that has bought them. */
function returnedTo(
  kept: readonly { readonly grant: CreditGrant; readonly amount: bigint }[],
  grants: ReadonlyMap<string, CreditGrant>,
): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const { grant, amount } of kept) {
    let first: CreditGrant | undefined = grant;
    while (first !== undefined && first.bought === null) first = grants.get(first.continues ?? "");
    const bought = first?.bought;
    if (bought !== undefined && bought !== null) {
      sums.set(bought, (sums.get(bought) ?? 0n) + amount);
    }
  }
  return sums;
}

/** Grants that hold the credit that an invoice has bought: its own, then those that continue them. */
function boughtBy(invoice: string, grants: readonly CreditGrant[]): CreditGrant[] {
  const found: CreditGrant[] = [];
  let next = grants.filter(({ bought }) => bought === invoice);
  while (next.length > 0) {
    found.push(...next.toSorted((a, b) => a.id < b.id ? -1 : 1));
    const ids = new Set(next.map(({ id }) => id));
    next = grants.filter(({ continues }) => continues !== null && ids.has(continues));
  }
  return found;
}

/** The sum of what is effective by an instant. */
export function creditAt(entries: readonly Move[], at: bigint): bigint {
  return entries.reduce((sum, entry) => entry.at <= at ? sum + entry.amount : sum, 0n);
}

/** The least that there is at an instant and at any later one: what may be taken at it. */
function leastFrom(moves: readonly Move[], at: bigint): bigint {
  const instants = [at, ...moves.map((move) => move.at).filter((other) => other > at)];
  const sums = instants.map((instant) => creditAt(moves, instant));
  return sums.reduce((least, sum) => sum < least ? sum : least);
}

function later(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
