/** Mistakes that a review found once, made again in a copy of the database: a dance finds each. */
import type { Fault } from "../../torture/faults.ts";
import type { DanceOptions } from "./dance.ts";
import type { Kind, Move } from "./moves.ts";

/** A mistake, and the fewest moves that show it. */
interface DanceFault extends Fault {
  readonly moves: readonly Move[];
  /** Of a mistake in requests. */
  readonly options?: DanceOptions;
}

/** Of the first invoice or customer that there is; a part of its amount. */
const first = (...kinds: readonly Kind[]): Move[] =>
  kinds.map((kind) => ({ kind, who: 0, a: 1, b: 700 }));

/**
 * The tax ids of a customer are not asked for again where one that is to be added is there. Of a new
 * customer after one that was deleted, two deliveries ask for them before either adds one.
 */
const lookOnce: DanceOptions["change"] = (world) => {
  let isThere = false;
  const request: typeof fetch = async (input, init) => {
    const isOfTaxIds = String(input).includes("/tax_ids");
    const isGet = typeof init === "object" && init !== null && "method" in init &&
      init.method === "GET";
    if (isOfTaxIds && isGet && isThere) {
      return Response.json({ object: "list", data: [], has_more: false, url: "" });
    }
    const answer = await world.request(input, init);
    isThere ||= isOfTaxIds && answer.status === 400;
    return answer;
  };
  return { ...world, request };
};

/** `check` is a part of what a broken law says. */
export const FAULTS: readonly DanceFault[] = [
  {
    name: "S1 Stripe's balance of a customer is not booked",
    check: " owes ",
    moves: first("adjust_balance"),
    edits: [[
      "_billing.book_balance_transaction",
      "moved #>> '{metadata,leveredge_balance}' is not null",
      "true",
    ]],
  },
  {
    name: "S3 a refund that fails stays refunded",
    check: " received ",
    moves: first("pay", "refund", "reconcile", "conclude_refund"),
    edits: [[
      "_billing.apply_refund_part",
      "_billing.refund_rank(excluded.status) > _billing.refund_rank(r.status)",
      "excluded.status = 'succeeded' and r.status <> 'succeeded'",
    ]],
  },
  {
    name: "S4 a credit note that is voided in Stripe stands here",
    check: " owes ",
    moves: first("note_there", "reconcile", "void_note"),
    edits: [[
      "billing.apply_stripe_credit_note",
      "_billing.void_stripe_credit_note(note, seen)",
      "'ignored: void'",
    ]],
  },
  {
    name: "S2 the first credit note that is made in Stripe is dropped",
    check: " owes ",
    moves: first("note_there"),
    edits: [[
      "billing.apply_stripe_credit_note",
      "elsif not exists (",
      "elsif exists (select from public.credit_notes) and not exists (",
    ]],
  },
  {
    name: "S6 a revision in Stripe voids ours, and its money is on no book",
    check: " received ",
    moves: [...first("revise"), { kind: "pay", who: 2, a: 1, b: 700 }],
    edits: [["_billing.follow_revision", "if revised is null", "if true or revised is null"]],
  },
  {
    name: "G7 invoices of a client with a tax id that go out at once die",
    check: " died: ",
    moves: first("delete_customer", "issue", "issue", "send_both"),
    edits: [],
    options: { change: lookOnce },
  },
  {
    name: "C10 refunds whose sum comes first are counted twice",
    check: " received ",
    moves: first("pay", "refund"),
    edits: [["_billing.stripe_refunded", "- coalesce(r.ever, 0)", ""]],
  },
];
