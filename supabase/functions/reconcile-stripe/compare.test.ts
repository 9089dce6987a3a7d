import { deepStrictEqual } from "node:assert/strict";
import { BothSides } from "../_shared/stripe/rows.ts";
import { compareSides } from "./compare.ts";

const OURS = BothSides.parse({
  invoice_id: "0b8e6c1a-4d8f-4e61-9a53-1b7c52b3f1aa",
  number: "INV-2026-000001",
  status: "open",
  currency: "USD",
  wanted: true,
  expected_total_minor: 5000,
  amount_due_minor: 3800,
  stripe_invoice_id: "in_1",
  state: "open",
  problem: null,
  total_minor: 5000,
  amount_paid_minor: 0,
  booked_minor: 0,
  paid_off_stripe_minor: 0,
  refunded_minor: 0,
  booked_refund_minor: 0,
  remaining_minor: 3800,
  left_over_minor: 0,
  has_link: true,
});

Deno.test("the amount due is compared while Stripe still takes payments: open or written off", () => {
  const found = (["open", "uncollectible", "void"] as const).map((status) =>
    compareSides([{ ...OURS, status }], [{
      id: "in_1",
      status,
      total: 5000,
      amount_paid: 0,
      amount_due: 5000,
      amount_overpaid: 0,
      amount_remaining: 5000,
      metadata: {},
      from_invoice: null,
    }]).map(({ kind, ours, stripes }) => `${kind} ${ours} ${stripes}`)
  );
  deepStrictEqual(found, [["due 3800 5000"], ["due 3800 5000"], []]);
});

Deno.test("thousandths that Stripe cannot collect are due here and no difference, but not more", () => {
  // 12.345 dinars: Stripe takes 12.340, and 0.005 are due with the next invoice.
  const ours = {
    ...OURS,
    currency: "KWD",
    expected_total_minor: 12_340,
    total_minor: 12_340,
    amount_paid_minor: 12_340,
    booked_minor: 12_340,
    remaining_minor: 0,
  };
  const kinds = (amount_due_minor: number, left_over_minor: number, status = "open") =>
    compareSides([{ ...ours, amount_due_minor, left_over_minor, status }], [{
      id: "in_1",
      status: "paid",
      total: 12_340,
      amount_paid: 12_340,
      amount_due: 12_340,
      amount_overpaid: 0,
      amount_remaining: 0,
      metadata: {},
      from_invoice: null,
    }]).map(({ kind, ours, stripes }) => `${kind} ${ours} ${stripes}`);
  deepStrictEqual(kinds(5, 5), []);
  deepStrictEqual(kinds(6, 5), ["status open paid"]);
  deepStrictEqual(kinds(5, 0), ["status open paid"]);
  deepStrictEqual(kinds(5, 5, "void"), ["status void paid"]);
});

Deno.test("an invoice of an earlier system is not one of another database", () => {
  const earlier = {
    id: "in_old",
    status: "open",
    total: 79015,
    amount_paid: 0,
    amount_due: 79015,
    amount_overpaid: 0,
    amount_remaining: 79015,
    metadata: { leveredge_invoice_id: "7", invoice_number: "OLD-7" },
    from_invoice: null,
  } as const;
  const kinds = (known: readonly string[]) =>
    compareSides([], [earlier], [], { earlier: new Set(known), known: [] }).map(({ kind }) => kind);
  deepStrictEqual([kinds([]), kinds(["in_old"])], [["unknown_here"], []]);
});
