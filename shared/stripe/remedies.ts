/** What operators are told to do about each kind of difference; docs/stripe-differences.md has them too. */
export const REMEDIES = {
  missing_in_stripe: "Mend the cause of the refusal and send it by hand",
  unknown_here: "It names an invoice of another database: void it, or use one account per database",
  twice_in_stripe: "Void the one that ours does not name",
  status: "Bring one side to the other by hand, for example refund a void invoice in Stripe",
  total: "It was changed in the Dashboard: void it there, and void and regenerate it here",
  paid: "Compare the payments of both sides; money that is on no invoice here is booked by hand",
  due: "Its page asks for another amount than is due here: void it there, or credit the difference",
  refunded: "Compare the refunds of both sides",
  credit_note: "The credit exceeds the invoice's rest here: correct it in the Dashboard",
  meter: "Usage and the meter's total differ: credit the excess in Stripe",
  payout: "Compare billing.payout_lines with the payout in the Dashboard; nothing is booked by it",
  cash_balance:
    "A bank transfer that is on no invoice: apply it to one in the Dashboard, or return it",
  not_told: "Stripe refused it: mend the cause that its answer names; it is tried again",
  unread:
    "It was left out: give the key the permission, mend the value that the answer names, or " +
    "ask Stripe for a higher rate limit",
} as const;

/** How Stripe and the books may differ. */
export type DifferenceKind = keyof typeof REMEDIES;
