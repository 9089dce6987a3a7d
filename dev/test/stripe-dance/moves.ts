/**
 * What may happen between our books and Stripe. A move names nothing yet: its numbers choose among
 * what there is when its turn comes, so any move can be left out when a failure is made smaller.
 */
import fc from "fast-check";

export interface Move {
  readonly kind: Kind;
  readonly who: number;
  readonly a: number;
  readonly b: number;
}

/** How often each move comes, among the sum of all. */
const weights = {
  // Here.
  issue: 14,
  send: 12,
  send_both: 4,
  note_here: 4,
  refund_here: 3,
  transfer: 3,
  void_here: 2,
  write_off_here: 2,
  outbox: 7,
  // In Stripe.
  pay: 12,
  part_pay: 8,
  overpay: 5,
  decline: 2,
  refund: 8,
  refund_pending: 4,
  conclude_refund: 8,
  note_there: 9,
  void_note: 5,
  dispute: 4,
  decide_dispute: 4,
  adjust_balance: 5,
  revise: 2,
  void_there: 3,
  write_off_there: 2,
  delete_customer: 1,
  subscribe: 3,
  change_subscription: 3,
  // Between them.
  events: 12,
  forget_events: 2,
  reconcile: 1,
};
export type Kind = keyof typeof weights;

function isKind(name: string): name is Kind {
  return name in weights;
}

const kinds = Object.keys(weights).filter(isKind);

/** So many moves of a seed: the same on every machine. Each client has an invoice to begin with. */
export function movesOf(seed: number, length: number): Move[] {
  const number = fc.noBias(fc.nat({ max: 9999 }));
  const kind = fc.oneof(
    ...kinds.map((one) => ({ weight: weights[one], arbitrary: fc.constant(one) })),
  );
  const [moves = []] = fc.sample(
    fc.array(fc.record({ kind, who: number, a: number, b: number }), {
      minLength: length,
      maxLength: length,
      size: "max",
    }),
    { seed, numRuns: 1 },
  );
  return moves;
}
