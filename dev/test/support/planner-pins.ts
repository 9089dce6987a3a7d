/** Settings of functions that bind the planner, each with why, and where that is shown, how. */
export interface Pin {
  readonly setting: string;
  readonly why: string;
  readonly functions: readonly string[];
}

export const PINS: readonly Pin[] = [
  {
    setting: "enable_nestloop=off",
    why:
      "a plan that is kept since statements of one row compares each old row of a large one with each new",
    functions: [
      "_billing.audit_invoices",
      "_billing.audit_update",
      "_billing.post_invoices",
    ],
  },
  {
    setting: "enable_nestloop=off",
    why: "lines, usage and days of a document meet by hash: the planner takes each for one row",
    functions: [
      "_billing.documents_of",
    ],
  },
  {
    setting: "enable_nestloop=off",
    why: "rated lines and terms of all clients meet by hash: arrays and CTEs have no statistics",
    functions: [
      "billing.list_price_ranges",
    ],
  },
  {
    setting: "enable_nestloop=off",
    why: "sums of logs meet records, groups and prices by hash: they have no statistics",
    functions: [
      "_billing.hold_logs",
      "_billing.quarantine_logs",
      "_billing.sum_logs",
      "_billing.window_totals",
      "billing.count_quarantine",
      "billing.dismiss_unpriced",
      "billing.sync_list_prices",
    ],
  },
  {
    setting: "enable_seqscan=off",
    why: "credit of some clients is found by key: that of all others is not read",
    functions: [
      "_billing.left_of_grants",
    ],
  },
  {
    setting: "enable_sort=off",
    why: "pages come in the order of an index, and end where they are full",
    functions: [
      "billing.list_quarantine",
    ],
  },
  {
    setting: "enable_nestloop=on",
    why:
      "documents have no nested loops: what is left of a few grants is found by key all the same",
    functions: [
      "_billing.promotional_left",
    ],
  },
  {
    setting: "enable_seqscan=off",
    why: "entries find their accounts and transactions by key: history is not read",
    functions: [
      "_billing.refuse_unbalanced_entries",
    ],
  },
  {
    setting: "enable_hashjoin=off",
    why: "entries find their accounts and transactions by key: history is not read",
    functions: [
      "_billing.refuse_unbalanced_entries",
    ],
  },
  {
    setting: "enable_mergejoin=off",
    why: "entries find their accounts and transactions by key: history is not read",
    functions: [
      "_billing.refuse_unbalanced_entries",
    ],
  },
  {
    setting: "enable_seqscan=off",
    why: "tables pass for empty after a run that was rolled back: all history would be read",
    functions: [
      "_billing.booked_lines",
      "_billing.document_lines",
      "_billing.document_usage",
      "_billing.mark_blocked",
      "_billing.mark_rated",
      "_billing.next_log_day",
      "_billing.queue_invoice_deliveries",
      "billing.settle_batch",
    ],
  },
  {
    setting: "plan_cache_mode=force_generic_plan",
    why: "asked of one client all day: planning takes longer than reading (ADR 18)",
    functions: [
      "billing.credit_balance",
      "billing.current_spend",
      "billing.period_terms",
      "billing.price_segments",
      "billing.usage_by_day",
    ],
  },
  {
    setting: "plan_cache_mode=force_custom_plan",
    why: "a plan for any time, client or page reads all: what is asked decides",
    functions: [
      "_billing.log_groups",
      "_billing.quarantine_logs",
      "_billing.settled_usage",
    ],
  },
  {
    setting: "work_mem=64MB",
    why: "its hashes of a month exceed 4 MB, and parts on disk are read again",
    functions: [
      "_billing.hold_logs",
      "_billing.plan_log_exports",
      "_billing.quarantine_logs",
      "_billing.sum_logs",
      "billing.count_quarantine",
      "billing.repair_step",
      "billing.settle_batch",
    ],
  },
  {
    setting: "jit=off",
    why:
      "what leaves out plans costs more than jit_above_cost, so each call would be compiled (ADR 56)",
    functions: [
      "_billing.audit_invoices",
      "_billing.audit_update",
      "_billing.booked_lines",
      "_billing.documents_of",
      "_billing.left_of_grants",
      "_billing.mark_blocked",
      "_billing.mark_rated",
      "_billing.next_log_day",
      "_billing.post_invoices",
      "_billing.queue_invoice_deliveries",
      "_billing.refuse_unbalanced_entries",
      "_billing.sum_logs",
      "_billing.window_totals",
      "billing.count_quarantine",
      "billing.dismiss_unpriced",
      "billing.list_price_ranges",
      "billing.list_quarantine",
      "billing.settle_batch",
      "billing.sync_list_prices",
    ],
  },
  {
    setting: "jit=off",
    why:
      "reads or calls what reads much at a high cost and is asked rarely or of little: compiling takes longer",
    functions: [
      "_billing.refresh_monthly_usage",
      "_billing.relisted_sections",
      "_billing.repriced_sections",
      "_billing.rollup_step",
      "billing.begin_run",
      "billing.check_invariants",
      "billing.explain_price",
      "billing.finish_run",
      "billing.read_health",
      "billing.rebuild_usage",
      "billing.report_violations",
      "billing.repair_step",
    ],
  },
];
