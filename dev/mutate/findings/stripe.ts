import type { Planted } from "./planted.ts";

const SCHEMAS = "supabase/schemas";
const BOOKS = `${SCHEMAS}/70_stripe/books`;
const FUNCTIONS = "supabase/functions";

export const STRIPE: readonly Planted[] = [
  {
    finding: "S1",
    fault: "Stripe's balance of a customer is not booked",
    edits: [[
      `${BOOKS}/balances.sql`,
      "if moved #>> '{metadata,leveredge_balance}' is not null then",
      "if true then",
    ]],
    test: "pgtap 70_stripe/books-balance: credit that is given there is credit here",
  },
  {
    finding: "S1",
    fault: "an overpayment is not read",
    edits: [[
      `${SCHEMAS}/70_stripe/reading.sql`,
      "else coalesce((invoice ->> 'amount_overpaid')::bigint, 0) end;",
      "else 0 end;",
    ]],
    test: "pgtap 70_stripe/books-balance: a payment beyond the amount due is booked in full",
  },
  {
    finding: "C8 S2",
    fault: "the first credit note that is made in the Dashboard is dropped",
    edits: [[
      `${BOOKS}/credit_notes.sql`,
      "elsif not exists (select from public.stripe_credit_notes s",
      "elsif exists (select from public.credit_notes) " +
      "and not exists (select from public.stripe_credit_notes s",
    ]],
    test:
      "pgtap 70_stripe/books-credit-notes: the first one that is made in the Dashboard is issued",
  },
  {
    finding: "C9 S3",
    fault: "a refund that fails stays refunded",
    edits: [[
      `${BOOKS}/refunds.sql`,
      "where _billing.refund_rank(excluded.status) > _billing.refund_rank(r.status)",
      "where excluded.status = 'succeeded' and r.status <> 'succeeded'",
    ]],
    test: "pgtap 70_stripe/books-refund-rows: one that fails is money that came back",
  },
  {
    finding: "S3",
    fault: "`refund.failed` is not heard",
    edits: [[
      `${SCHEMAS}/70_stripe/events/process.sql`,
      "'refund.updated', 'refund.failed', 'charge.refund.updated' then",
      "'refund.updated' then",
    ]],
    test: "unit reconcile-stripe/event-types: the database acts on the events of the list",
  },
  {
    finding: "S3",
    fault: "refunds are not asked for when both sides are compared",
    edits: [[
      `${FUNCTIONS}/reconcile-stripe/steps.ts`,
      `  ["refunds", applyRefunds],\n`,
      "",
    ]],
    test: "e2e stripe-dashboard: refunds that fail, disputes and voided notes end as in Stripe",
  },
  {
    finding: "C10",
    fault: "refunds whose sum comes first are counted twice",
    edits: [[`${BOOKS}/refunds.sql`, " - coalesce(r.ever, 0))", ")"]],
    test:
      "pgtap 70_stripe/books-refund-rows: two partial refunds whose sum comes first are credited",
  },
  {
    finding: "S4",
    fault: "a credit note that is void in Stripe stands here",
    edits: [[
      `${BOOKS}/credit_notes.sql`,
      "outcome := _billing.void_stripe_credit_note(note, seen);",
      "outcome := 'ignored: void';",
    ]],
    test: "pgtap 70_stripe/books-credit-notes: a note that is voided there is void here",
  },
  {
    finding: "S4",
    fault: "amounts due are compared only where something was paid here",
    edits: [[
      `${FUNCTIONS}/reconcile-stripe/compare.ts`,
      "...(!takesPayments(invoice) ||",
      "...(booked === 0 || !takesPayments(invoice) ||",
    ]],
    test:
      "unit reconcile-stripe/compare: the amount due is compared while Stripe still takes payments",
  },
  {
    finding: "C9 S5",
    fault: "a lost dispute is not booked",
    edits: [[
      `${BOOKS}/disputes.sql`,
      "if moved = 0 then\n    return null;",
      "if true then\n    return null;",
    ]],
    test: "pgtap 70_stripe/books-disputes: the statement shows it",
  },
  {
    finding: "S6",
    fault: "a revision in Stripe voids ours",
    edits: [[`${BOOKS}/invoices.sql`, "if revised is null or", "if true or revised is null or"]],
    test: "pgtap 70_stripe/books: an invoice that was revised is not void here",
  },
  {
    finding: "S7",
    fault: "an invoice goes with more than 250 lines",
    edits: [["shared/stripe/plan.ts", "const MOST_LINES = 250;", "const MOST_LINES = 1e9;"]],
    test: "unit standins/stripe/delivery: 250 lines go as they are, more are summed",
  },
  {
    finding: "S8",
    fault: "more than Stripe's largest amount is sent",
    edits: [["shared/stripe/plan.ts", "if (due > maximum) {", "if (due < 0) {"]],
    test: "unit shared/stripe/plan: more than Stripe's largest amount is refused",
  },
  {
    finding: "S9",
    fault: "an invoice held by a void one is collected by no other",
    edits: [[
      `${SCHEMAS}/70_stripe/sending.sql`,
      "m.state not in ('void', 'deleted', 'refused', 'paid')",
      "m.state not in ('deleted', 'refused')",
    ]],
    test: "pgtap 70_stripe/sending-settled-carrier: then another collects what is due",
  },
  {
    finding: "S9",
    fault: "a carrier that was paid by bank is not told to Stripe",
    edits: [[
      `${SCHEMAS}/70_stripe/agreement.sql`,
      "i.status = 'paid' and m.state in ('open', 'uncollectible')",
      "i.status = 'paid' and m.state in ('open', 'uncollectible') and m.carried_minor = 0",
    ]],
    test: "pgtap 70_stripe/sending-settled-carrier: paid by bank, Stripe is to ask no more",
  },
  {
    finding: "S10",
    fault: "an e-mail address that is removed here stays there",
    edits: [[
      `${FUNCTIONS}/_shared/stripe/customers.ts`,
      "update(id, { ...details, email, address }, {",
      "update(id, { ...details }, {",
    ]],
    test: "unit standins/stripe/customers: an e-mail address that is removed here is removed there",
  },
  {
    finding: "S11",
    fault: "a step of a reconciliation that fails ends it",
    edits: [[
      `${FUNCTIONS}/reconcile-stripe/reconcile.ts`,
      "        reportError(error);\n",
      "        throw error;\n",
    ]],
    test: "e2e stripe-reconcile: a resource that cannot be read is named and told",
  },
  {
    finding: "S12",
    fault: "an invoice that is written off and then credited stays written off",
    edits: [[
      `${SCHEMAS}/50_invoicing/credit_notes/settle.sql`,
      "status = case when i.status in ('open', 'uncollectible')",
      "status = case when i.status in ('open')",
    ]],
    test: "pgtap 70_stripe/books: a written-off invoice credited in full is settled",
  },
  {
    finding: "S13",
    fault: "Stripe is asked to refund what it never had",
    edits: [[
      `${SCHEMAS}/70_stripe/agreement.sql`,
      "greatest(0, least(n.to_refund_minor,",
      "greatest(n.to_refund_minor, least(n.to_refund_minor,",
    ]],
    test: "pgtap 70_stripe/books: Stripe is not asked to refund a payment by bank",
  },
  {
    finding: "S14",
    fault: "where customers cannot be searched a delivery dies",
    edits: [[
      `${FUNCTIONS}/_shared/stripe/customers.ts`,
      "if (!(error instanceof Stripe.errors.StripeInvalidRequestError)) throw error;\n    const all",
      "if (error instanceof Error) throw error;\n    const all",
    ]],
    test: "unit standins/stripe/customers: a customer is found and made where customers cannot be",
  },
  {
    finding: "S15",
    fault: "thousandths that are no tens are sent",
    edits: [["shared/stripe/amounts.ts", "? minor % 10 : 0", "? 0 : 0"]],
    test: "unit shared/stripe/plan: thousandths beyond a ten are left for the next invoice",
  },
  {
    finding: "S16",
    fault: "a refund of a payment for two invoices is booked on one",
    edits: [[
      `${BOOKS}/refunds.sql`,
      "case when r.rest <= 0 then 0\n",
      "case when true then case when r.place = 1 then r.known + r.rest else 0 end\n",
    ]],
    test: "pgtap 70_stripe/books: a refund of it is divided among both",
  },
  {
    finding: "S17",
    fault: "the currency of an event is not compared",
    edits: [[`${BOOKS}/clients.sql`, "if theirs = invoice.currency then", "if true then"]],
    test: "pgtap 70_stripe/books: money of another currency is not booked",
  },
  {
    finding: "S18",
    fault: "a price with parts of a cent is a fee of nothing",
    edits: [[
      `${SCHEMAS}/70_stripe/subscriptions.sql`,
      "coalesce(i #>> '{price,unit_amount_decimal}',",
      "coalesce(",
    ]],
    test: "pgtap 70_stripe/books: a price with parts of a cent is a fee",
  },
  {
    finding: "S19",
    fault: "Stripe's reason is not told",
    edits: [[
      `${SCHEMAS}/70_stripe/events/notices.sql`,
      "coalesce(': ' || (t.invoice #>> '{last_finalization_error,message}'), '')",
      "''",
    ]],
    test: "pgtap 70_stripe/books: why it could not be finalized is told",
  },
  {
    finding: "S19",
    fault: "the docs do not say what to do about refunds that differ",
    edits: [["docs/stripe-differences.md", "| `refunded` ", "| `refund` "]],
    test:
      "unit reconcile-stripe/event-types: docs/stripe-differences.md says what to do about each",
  },
  {
    finding: "S19",
    fault: "of all differences of a day one is told",
    edits: [[
      `${FUNCTIONS}/reconcile-stripe/tell.ts`,
      "`difference/${kind}/${key}`.slice(0, 500),",
      "`difference/${today}`,",
    ]],
    test: "unit reconcile-stripe/tell: of 250 differences each is told once, a hundred by each",
  },
  {
    finding: "S20",
    fault: "Stripe is asked to mail every invoice",
    edits: [[
      `${FUNCTIONS}/_shared/stripe/invoices.ts`,
      `if (client.mailed_by !== "stripe" || !await store.claimMail(id)) return invoice;`,
      "if (!await store.claimMail(id)) return invoice;",
    ]],
    test: "unit standins/stripe/paying: an invoice that we mail is finalized",
  },
  {
    finding: "S21",
    fault: "a reconciliation goes on however long it takes",
    edits: [[
      `${FUNCTIONS}/reconcile-stripe/reconcile.ts`,
      "return () => now().getTime() > until;",
      "return () => now().getTime() > until + 20_000;",
    ]],
    test: "e2e stripe-reconcile: however slow Stripe is, no call of a reconciliation takes longer",
  },
  {
    finding: "G7",
    fault: "a tax id that is there already ends a delivery",
    edits: [[
      `${FUNCTIONS}/_shared/stripe/customers.ts`,
      "const faster = (await known()).own;",
      "const faster = own;",
    ]],
    test: "unit standins/stripe/customers: several invoices of a client with a tax id at once",
  },
];
