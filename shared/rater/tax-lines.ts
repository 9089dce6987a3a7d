import {
  add,
  divide,
  type Fraction,
  isZero,
  multiply,
  ONE,
  roundHalfAway,
  roundHalfToward,
  sum,
  whole,
  ZERO,
} from "./fraction.ts";
import type { Tax, Terms } from "./terms.ts";

export interface TaxLine {
  readonly kind: "tax";
  readonly name: string;
  readonly ratePercent: Fraction;
  readonly behavior: Tax["behavior"];
  readonly baseMinor: bigint;
  /** Zero under reverse charge: the client owes it, not the seller. */
  readonly amountMinor: bigint;
}

interface Charge {
  readonly kind: string;
  readonly metric?: string;
  readonly amountMinor: bigint;
}

const HUNDRED = whole(100);

/**
 * Taxes of charges from which a discount (zero or negative) has been taken, each charge bearing its
 * proportional part; one-off items bear none of it. Inclusive taxes are inside the amounts: the net
 * of all of them is what every tax is a percentage of. One rounding per tax.
 */
export function taxLines(
  charges: readonly Charge[],
  discountMinor: bigint,
  terms: Terms,
): TaxLine[] {
  const isDiscounted = ({ kind }: Charge) => kind !== "one_off";
  const subtotal = whole(
    charges.filter(isDiscounted).reduce((total, { amountMinor }) => total + amountMinor, 0n),
  );
  const left = isZero(subtotal) ? ZERO : divide(add(subtotal, whole(discountMinor)), subtotal);
  const nets = charges.map((charge) => {
    const subject = charge.metric ?? charge.kind;
    const included = sum(
      terms.taxes.filter((tax) => tax.behavior === "inclusive" && holdsFor(tax, subject))
        .map(({ ratePercent }) => ratePercent),
    );
    const gross = multiply(whole(charge.amountMinor), isDiscounted(charge) ? left : ONE);
    return { subject, included, net: divide(multiply(gross, HUNDRED), add(HUNDRED, included)) };
  });
  return terms.taxes.flatMap((tax): TaxLine[] => {
    const { name, ratePercent, behavior } = tax;
    const taxed = nets.filter(({ subject }) => holdsFor(tax, subject));
    const base = sum(taxed.map(({ net }) => net));
    const due = behavior === "reverse_charge" ? ZERO : divide(multiply(base, ratePercent), HUNDRED);
    // What contains a tax is its base and the tax: where both end in half a cent, the tax has it.
    // All taxes of the same charges have the same base.
    const contains = taxed.some(({ included }) => !isZero(included));
    const baseMinor = contains ? roundHalfToward(base) : roundHalfAway(base);
    const line = { baseMinor, amountMinor: roundHalfAway(due) };
    const isNothing = line.baseMinor === 0n && line.amountMinor === 0n;
    return isNothing ? [] : [{ kind: "tax", name, ratePercent, behavior, ...line }];
  });
}

function holdsFor(tax: Tax, subject: string): boolean {
  return tax.appliesTo === undefined || tax.appliesTo.includes(subject);
}
