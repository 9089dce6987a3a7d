/** An open invoice, as far as what is owed concerns. */
interface Open {
  readonly currency: string;
  readonly amount_due_minor: number;
  readonly due_on: string | null;
}

/** What is owed in a currency, minor units; `overdue` is a part of `due`. */
export interface Owed {
  readonly currency: string;
  readonly due: number;
  readonly overdue: number;
  readonly invoices: number;
}

/** What open invoices come to, each currency for itself, the largest number of invoices first. */
export function owedOf(open: readonly Open[], now: Date): Owed[] {
  const today = now.toISOString().slice(0, 10);
  const sums = new Map<string, Owed>();
  for (const { currency, amount_due_minor, due_on } of open) {
    const sum = sums.get(currency) ?? { currency, due: 0, overdue: 0, invoices: 0 };
    const isLate = due_on !== null && due_on < today;
    sums.set(currency, {
      currency,
      due: sum.due + amount_due_minor,
      overdue: sum.overdue + (isLate ? amount_due_minor : 0),
      invoices: sum.invoices + 1,
    });
  }
  return [...sums.values()].sort((one, other) =>
    other.invoices - one.invoices || one.currency.localeCompare(other.currency)
  );
}
