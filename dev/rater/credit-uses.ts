import type { Day } from "../../shared/rater/calendar.ts";
import { roundHalfAway } from "../../shared/rater/fraction.ts";
import { inScope } from "../../shared/rater/promotional.ts";
import type { CreditEvent, CreditGrant, IssuedInvoice } from "./credit-events.ts";

export interface Use {
  readonly grant: CreditGrant;
  readonly line: string;
  readonly place: number;
  amount: bigint;
}

/** An invoice that credit has met: what it has paid, and what notes have credited of money. */
export interface Paid {
  readonly invoice: IssuedInvoice;
  readonly uses: Use[];
  /** What grants have paid at first; given back or not. */
  readonly byGrants: bigint;
  offDue: bigint;
  moneyBack: bigint;
}

export type Book = (
  grant: CreditGrant,
  kind: string,
  amount: bigint,
  at: bigint,
  line?: string | null,
) => void;

/** Priority, then expiry (never is last), then what was not paid for, then age. */
export function burnOrder(a: CreditGrant, b: CreditGrant): number {
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
export function mayPay(
  grant: CreditGrant,
  invoice: IssuedInvoice,
  at: bigint,
  dayOf: (client: string, at: bigint) => Day,
): boolean {
  if (grant.kind === "promotional") return false;
  if (grant.client !== invoice.client || grant.currency !== invoice.currency) return false;
  if (grant.granted > at || grant.from > at) return false;
  if (grant.until === null) return true;
  return invoice.period === null
    ? grant.until > at
    : dayOf(grant.client, grant.until - 1n) >= invoice.period;
}

/** Each grant in its turn pays the lines in their order, each its share of the total. */
export function usesOf(
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
export function giveBack(
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
