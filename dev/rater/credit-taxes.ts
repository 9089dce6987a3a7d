import { add, multiply, parseDecimal, roundHalfAway } from "../../shared/rater/fraction.ts";
import type { CreditGrant } from "./credit-events.ts";

interface Taxed {
  /** The tax in all of the grant. */
  readonly whole: bigint;
  left: bigint;
  /** The tax that the last movement has brought. */
  moved: bigint;
}

/**
 * The tax that bought credit contains, from the rates of its invoice: what is left of a grant has
 * its share of it, and a movement bears what that changes by.
 */
export class Taxes {
  readonly #grants = new Map<string, Taxed>();

  /** Each tax of the invoice is rounded once; a grant has its share, by its part of the total. */
  bought({ id, amount, taxed }: CreditGrant): void {
    const whole = taxed === null ? 0n : share(
      taxed.rates.reduce((sum, rate) => sum + containedTax(taxed.total, rate, taxed.rates), 0n),
      amount,
      taxed.total,
    );
    this.#grants.set(id, { whole, left: 0n, moved: 0n });
  }

  /** The new grant contains what has just left the old one. */
  rolledOver(old: CreditGrant, grant: CreditGrant): void {
    this.#grants.set(grant.id, { whole: -this.#of(old).moved, left: 0n, moved: 0n });
  }

  /** Moves an amount of a grant; returns the tax in it. */
  move(grant: CreditGrant, amount: bigint): bigint {
    const taxed = this.#of(grant);
    const before = share(taxed.whole, taxed.left, grant.amount);
    taxed.left += amount;
    taxed.moved = share(taxed.whole, taxed.left, grant.amount) - before;
    return taxed.moved;
  }

  #of({ id }: CreditGrant): Taxed {
    const known = this.#grants.get(id);
    if (known === undefined) throw new Error(`grant ${id} is not known`);
    return known;
  }
}

type Percent = NonNullable<CreditGrant["taxed"]>["rates"][number];

/** Of an amount that contains taxes of these rates, the tax of one of them. */
function containedTax(amount: bigint, rate: Percent, rates: readonly Percent[]): bigint {
  const all = rates.reduce(add, parseDecimal("100"));
  return roundHalfAway(multiply(rate, { n: amount * all.d, d: all.n }));
}

function share(tax: bigint, part: bigint, whole: bigint): bigint {
  return roundHalfAway({ n: tax * part, d: whole });
}
