import type { Mutant } from "./mutants.ts";

/** Slips that no data can tell from what is written, and why. They are not made. */
interface Explained {
  readonly object: string;
  readonly rule: string;
  /** Words beside the slip or in it, as tokens with one space between; without them, all slips. */
  readonly near?: string;
  /** A part of what the line is made to be. */
  readonly after?: string;
  readonly why: string;
}

const ASKED_BY_ANY = "what is gathered is asked by `any`: one that is there twice is the same";
const OWN_ROWS = "no two rows are the same, within a part or between parts";

const EXPLAINED: readonly Explained[] = [
  { object: "billing.quarantine", rule: "union", why: OWN_ROWS },
  { object: "billing.quarantined_usage", rule: "union", why: OWN_ROWS },
  { object: "billing.quarantine_summary", rule: "union", why: OWN_ROWS },
  { object: "_billing.blocking_reasons", rule: "union", why: OWN_ROWS },
  {
    object: "_billing.account_of_documents",
    rule: "union",
    near: "<> 'draft' union",
    why: OWN_ROWS,
  },
  { object: "_billing.account_of_documents", rule: "union", near: "= 'void' union", why: OWN_ROWS },
  { object: "_billing.health_of_notices", rule: "union", why: OWN_ROWS },
  { object: "_billing.log_owners", rule: "union", why: OWN_ROWS },
  { object: "_billing.audit_dismissals", rule: "union", why: OWN_ROWS },
  { object: "_billing.rate_charges", rule: "union", why: OWN_ROWS },
  { object: "_billing.summarize_run", rule: "union", why: OWN_ROWS },
  { object: "_billing.serve_rebuild_requests", rule: "distinct", why: ASKED_BY_ANY },
  { object: "_billing.join_waiting_jobs", rule: "distinct", why: ASKED_BY_ANY },
  { object: "_billing.recount_waiting_units", rule: "distinct", why: ASKED_BY_ANY },
  { object: "_billing.resolve_rebuild_requests", rule: "distinct", why: ASKED_BY_ANY },
  { object: "billing.release_held_logs", rule: "distinct", why: ASKED_BY_ANY },
  { object: "billing.reinstate_dismissed", rule: "distinct", why: ASKED_BY_ANY },
  {
    object: "billing.create_one_off_invoice",
    rule: "distinct",
    near: "select i.client_id",
    why: ASKED_BY_ANY,
  },
  { object: "billing.apply_stripe_invoice", rule: "distinct", why: ASKED_BY_ANY },
  {
    object: "_billing.rollup_step",
    rule: "distinct",
    near: "array_agg ( distinct",
    why: ASKED_BY_ANY,
  },
  {
    object: "_billing.rollup_is_due",
    rule: "order",
    why: "it asks whether there is a row, not which; the order makes it fast",
  },
  {
    object: "billing.finalize_invoice",
    rule: "condition",
    after: "if _billing.day_start(",
    why: "no other kind of invoice has a period, whose end would be in the future",
  },
  {
    object: "billing.void_invoice",
    rule: "condition",
    after: "select l.section_start from public.invoice_lines l",
    why: "more periods are locked, those of the invoice alone are marked",
  },
  {
    object: "_billing.account_of_documents",
    rule: "comparison",
    after: "where r.written_off_minor >= 0 and r.beyond > 0",
    why: "without a write-off nothing is beyond what was due",
  },
  {
    object: "_billing.own_credit",
    rule: "comparison",
    after: "t.is_charge and t.charged >= 0",
    why: "nothing is added to a sum, and a sum of nothing is none either way",
  },
  {
    object: "_billing.expired_log_month",
    rule: "coalesce",
    after: "where m.state = 'removed'))))",
    why: "greatest leaves nulls out",
  },
  {
    object: "billing.client_margin",
    rule: "condition",
    after: "where l.rating_key = x.rating_key and x.kind = 'tax'",
    why: "the key of a tax names its behaviour",
  },
  {
    object: "billing.run_monthly",
    rule: "condition",
    after: "from billing.run_clients c where c.state = 'waiting'",
    why: "of a run that is finished nobody waits, and one run is open at a time",
  },
  {
    object: "billing.apply_stripe_subscription",
    rule: "coalesce",
    after: "coalesce((i ->> 'quantity')::bigint)",
    why: "a sum leaves nulls out",
  },
  {
    object: "_billing.finalize_invoices",
    rule: "condition",
    after: "where i.id = any (ids) and p.client_id = i.client_id",
    why: "other kinds of invoice have no period to begin as one does",
  },
  {
    object: "_billing.finalize_invoices",
    rule: "order",
    after: "order by c.name, i.period_start, i.id desc",
    why: "identifiers are random: any order of them will do",
  },
  {
    object: "_billing.assign_target_invoices",
    rule: "filter",
    near: "sum ( l.amount_minor )",
    why: "taxes that are contained have the sign of the rest, and the sign is all that is asked",
  },
  {
    object: "_billing.due_stripe_events",
    rule: "comparison",
    after: "e.due_at < clock_timestamp()",
    why: "the clock has moved on by the time it is asked",
  },
  {
    object: "_billing.request_rebuild_for_assignment",
    rule: "comparison",
    after: "case when x.starts_at <= '1970-01-01' then '-infinity'",
    why: "no log that counts is older: no day more is rebuilt",
  },
  {
    object: "billing.client_references",
    rule: "condition",
    after: "where not exists (select",
    why: "a name that is null equals none",
  },
  {
    object: "_billing.taxes_of_invoice",
    rule: "extreme",
    near: "( g.",
    why: "of a tax there is one row of what has been given back",
  },
  {
    object: "billing.generate_invoice",
    rule: "extreme",
    near: "'created'",
    why: "of one word, the same for every row",
  },
  {
    object: "_billing.promoted_wants",
    rule: "condition",
    near: "where b.kind = 'promotional_credit'",
    after: "(nothing)",
    why: "the key of no other line names a grant",
  },
  {
    object: "_billing.discounts_of",
    rule: "coalesce",
    why: "charges without a section are items, which have no discount",
  },
  {
    object: "_billing.summarize_run",
    rule: "order",
    after: "order by c.name, f.client_id desc",
    why: "identifiers are random: any order of clients of one name will do",
  },
  {
    object: "_billing.rollup_step",
    rule: "distinct",
    near: "distinct client_id , period_start",
    why: "a row is updated once, however often it is joined",
  },
  {
    object: "_billing.lowered_logs",
    rule: "condition",
    after: "where r.fault is null",
    why: "of null there are no windows to read",
  },
  {
    object: "_billing.settle_items",
    rule: "condition",
    near: "settled l order by",
    why: "other items are given the null that they have; the condition makes it fast",
  },
  {
    object: "billing.apply_stripe_invoice",
    rule: "comparison",
    after: "> _billing.stripe_rank(m.state)",
    why: "states of one rank are one state",
  },
  {
    object: "_billing.rollup_step",
    rule: "condition",
    near: "where not exists ( select from public.usage_records",
    after: "(nothing)",
    why: "hold_logs leaves known keys out: no more is held, it is summed twice",
  },
  {
    object: "_billing.guard_new_meter",
    rule: "condition",
    near: "and i.kind = 'period'",
    after: "on i.client_id = p.client_id",
    why: "no other kind of invoice has a period",
  },
  {
    object: "_billing.rate_unpromoted",
    rule: "condition",
    near: "where c.kind <> 'unpriced'",
    after: "(nothing)",
    why: "usage without a price has no amount, and sums leave nulls out",
  },
];

export function isExplained({ rule, statement, identity, after }: Mutant): boolean {
  const words = identity.replace(/\s+/g, " ");
  return EXPLAINED.some((known) =>
    known.object === statement.object && known.rule === rule &&
    words.includes(known.near ?? "") && after.includes(known.after ?? "")
  );
}
