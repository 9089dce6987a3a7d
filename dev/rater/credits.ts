import type { Day } from "../../shared/rater/calendar.ts";
import { roundHalfAway } from "../../shared/rater/fraction.ts";

/** A grant of credit as it was given; instants are microseconds. */
export interface CreditGrant {
  readonly id: string;
  readonly client: string;
  readonly kind: string;
  readonly currency: string;
  readonly amount: bigint;
  readonly priority: number;
  readonly granted: bigint;
  readonly from: bigint;
  /** Null: it never expires. */
  readonly until: bigint | null;
  readonly metrics: readonly string[] | null;
  readonly models: readonly string[] | null;
  readonly agents: readonly string[] | null;
  /** The grant whose rest it is. */
  readonly continues: string | null;
  /** The invoice of a top-up that has paid for it. */
  readonly bought: string | null;
}

export interface ChargedLine {
  readonly id: string;
  readonly amount: bigint;
  readonly metric: string | null;
  readonly model: string | null;
  readonly agent: string | null;
}

/** An invoice as it was issued, with its charges in their order. */
export interface IssuedInvoice {
  readonly id: string;
  readonly client: string;
  readonly currency: string;
  readonly total: bigint;
  /** The first day of its period; null where it is of no period. */
  readonly period: Day | null;
  readonly lines: readonly ChargedLine[];
}

/** What decides credit, in the order in which it happened. */
export type CreditEvent =
  | { readonly do: "grant"; readonly at: bigint; readonly grant: CreditGrant }
  | { readonly do: "invoice"; readonly at: bigint; readonly invoice: IssuedInvoice }
  | {
    readonly do: "credit";
    readonly at: bigint;
    readonly invoice: string;
    readonly amount: bigint;
    /** What of it was taken off what is due. */
    readonly offDue: bigint;
  }
  | { readonly do: "void"; readonly at: bigint; readonly invoice: string }
  | {
    readonly do: "dispute";
    readonly at: bigint;
    readonly invoice: string;
    readonly amount: bigint;
  };

export interface Move {
  readonly amount: bigint;
  readonly at: bigint;
}

export interface CreditEntry extends Move {
  readonly grant: string;
  readonly kind: string;
  readonly line: string | null;
}

interface Use {
  readonly grant: CreditGrant;
  readonly line: string;
  readonly place: number;
  amount: bigint;
}

export interface CreditCalendar {
  /** On which of a client's days an instant falls. */
  readonly dayOf: (client: string, at: bigint) => Day;
  /** The first day of the client's period that a day is in. */
  readonly periodOf: (client: string, day: Day) => Day;
}

/** What has gone back of a top-up's payments beyond what was taken of its credit. */
interface Gone {
  readonly byNotes: bigint[];
  byDisputes: bigint;
}

/** An invoice that credit has met: what it has paid, and what notes have credited of money. */
interface Paid {
  readonly invoice: IssuedInvoice;
  readonly uses: Use[];
  /** What grants have paid at first; given back or not. */
  readonly byGrants: bigint;
  offDue: bigint;
  moneyBack: bigint;
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
    else replay.undo(event);
  }
  return replay.entries;
}

class Replay {
  readonly entries: CreditEntry[] = [];
  readonly #grants = new Map<string, CreditGrant>();
  readonly #moves = new Map<string, Move[]>();
  readonly #invoices = new Map<string, Paid>();
  readonly #gone = new Map<string, Gone>();
  readonly #calendar: CreditCalendar;
  readonly #settled: Settled;

  constructor(calendar: CreditCalendar) {
    this.#calendar = calendar;
    this.#settled = new Settled(calendar);
  }

  grant(grant: CreditGrant): void {
    this.#grants.set(grant.id, grant);
    const old = this.#grants.get(grant.continues ?? "");
    if (old !== undefined) {
      const when = earlier(grant.from, old.until);
      this.#book(old, "rollover", -this.#left(old.id, when), when);
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

  undo(event: Extract<CreditEvent, { do: "credit" | "void" | "dispute" }>): void {
    const paid = this.#invoices.get(event.invoice);
    const gone = this.#gone.get(event.invoice) ?? { byNotes: [], byDisputes: 0n };
    this.#gone.set(event.invoice, gone);
    const back = (amount: bigint) => amount - this.#takeBack(event.invoice, amount, event.at);
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
    this.entries.push({ grant: grant.id, kind, amount, at, line });
    if (until === null) return;
    const ends = kind === "grant" ? "expiry" : amount < 0n ? "release" : "reopening";
    this.entries.push({ grant: grant.id, kind: ends, amount: -amount, at: until, line });
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
      const left = this.#left(grant.id, at);
      const taken = left < rest ? left : rest;
      rest -= taken;
      this.#book(grant, "withdrawal", -taken, later(at, grant.from));
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

type Book = (
  grant: CreditGrant,
  kind: string,
  amount: bigint,
  at: bigint,
  line?: string | null,
) => void;

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

function earlier(at: bigint, until: bigint | null): bigint {
  return until === null || at < until ? at : until;
}

/** Priority, then expiry (never is last), then what was not paid for, then age. */
function burnOrder(a: CreditGrant, b: CreditGrant): number {
  if (a.priority !== b.priority) return a.priority - b.priority;
  if (a.until !== b.until) {
    if (a.until === null) return 1;
    if (b.until === null) return -1;
    return a.until < b.until ? -1 : 1;
  }
  const [free, otherFree] = [a.kind === "promotional", b.kind === "promotional"];
  if (free !== otherFree) return free ? -1 : 1;
  if (a.granted !== b.granted) return a.granted < b.granted ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** At some instant between the beginning of the period and the invoice it may be used. */
function mayPay(
  grant: CreditGrant,
  invoice: IssuedInvoice,
  at: bigint,
  dayOf: (client: string, at: bigint) => Day,
): boolean {
  if (grant.client !== invoice.client || grant.currency !== invoice.currency) return false;
  if (grant.granted > at || grant.from > at) return false;
  if (grant.until === null) return true;
  return invoice.period === null
    ? grant.until > at
    : dayOf(grant.client, grant.until - 1n) >= invoice.period;
}

function inScope(grant: CreditGrant, line: ChargedLine): boolean {
  const holds = (scope: readonly string[] | null, value: string | null) =>
    scope === null || (value !== null && scope.includes(value));
  return holds(grant.metrics, line.metric) && holds(grant.models, line.model) &&
    holds(grant.agents, line.agent);
}

/** Each grant in its turn pays the lines in their order, each its share of the total. */
function usesOf(
  invoice: IssuedInvoice,
  grants: readonly CreditGrant[],
  leftOf: (grant: string) => bigint,
): Use[] {
  const charged = invoice.lines.reduce((sum, line) => sum + line.amount, 0n);
  let until = 0n;
  const parts = invoice.lines.map((line, place) => {
    const share = (amount: bigint) => roundHalfAway({ n: invoice.total * amount, d: charged });
    const before = share(until);
    until += line.amount;
    return { line, place, open: share(until) - before };
  });
  const uses: Use[] = [];
  for (const grant of grants) {
    let left = leftOf(grant.id);
    for (const part of parts) {
      const amount = part.open < left ? part.open : left;
      if (amount <= 0n || !inScope(grant, part.line)) continue;
      uses.push({ grant, line: part.line.id, place: part.place, amount });
      part.open -= amount;
      left -= amount;
    }
  }
  return uses;
}

/**
 * A void gives back all. A credit takes first what is due, then what was paid otherwise, and then
 * what grants have paid, the last use first. Expired credit moves on to the balance.
 */
function giveBack(
  paid: Paid,
  event: Extract<CreditEvent, { do: "credit" | "void" }>,
  book: Book,
): { readonly grant: CreditGrant; readonly amount: bigint }[] {
  const kept: { grant: CreditGrant; amount: bigint }[] = [];
  let amount = paid.uses.reduce((sum, use) => sum + use.amount, 0n);
  if (event.do === "credit") {
    paid.offDue += event.offDue;
    const rest = event.amount - event.offDue;
    const byMoney = paid.invoice.total - paid.offDue - paid.byGrants - paid.moneyBack;
    amount = rest > byMoney ? rest - (byMoney > 0n ? byMoney : 0n) : 0n;
    paid.moneyBack += rest - amount;
  }
  const latest = [...paid.uses].sort((a, b) => burnOrder(b.grant, a.grant) || b.place - a.place);
  for (const use of latest) {
    const back = use.amount < amount ? use.amount : amount;
    use.amount -= back;
    amount -= back;
    book(use.grant, "return", back, event.at, use.line);
    if (use.grant.until !== null && use.grant.until <= event.at) {
      book(use.grant, "transfer", -back, event.at, use.line);
    } else kept.push({ grant: use.grant, amount: back });
  }
  return kept;
}
