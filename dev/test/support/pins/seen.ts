import type { State } from "./world.ts";

/** Where a pin is seen: which call costs more without it, and how the statistics are then. */
export interface Seen {
  readonly name: string;
  readonly setting: string;
  readonly state: State;
  readonly call: string;
}

/** In this order: what leaves many rows behind comes last. Pins by the statistics and the call that show them: function, setting. */
const BY_CALL: readonly (readonly [State, string, readonly (readonly [string, string])[]])[] = [
  ["of June", "a draft is issued", [
    ["_billing.mark_blocked", "enable_seqscan=off"],
    ["_billing.mark_rated", "enable_seqscan=off"],
    ["_billing.refuse_unbalanced_entries", "enable_hashjoin=off"],
    ["_billing.refuse_unbalanced_entries", "enable_mergejoin=off"],
  ]],
  ["of June", "an invoice is made anew", [
    ["_billing.promotional_left", "enable_nestloop=on"],
  ]],
  ["of June", "the next day with logs", [
    ["_billing.next_log_day", "enable_seqscan=off"],
  ]],
  ["of June", "credit of one", [
    ["billing.credit_balance", "plan_cache_mode=force_generic_plan"],
  ]],
  ["of June", "usage of one with prices", [
    ["billing.usage_by_day", "plan_cache_mode=force_generic_plan"],
  ]],
  ["of June", "logs are counted, many dismissed", [
    ["_billing.quarantine_logs", "enable_nestloop=off"],
    ["_billing.quarantine_logs", "work_mem=64MB"],
    ["_billing.sum_logs", "enable_nestloop=off"],
    ["_billing.sum_logs", "work_mem=64MB"],
  ]],
  ["of June", "many are settled by plans of few", [
    ["_billing.audit_invoices", "enable_nestloop=off"],
    ["_billing.refuse_unbalanced_entries", "enable_seqscan=off"],
    ["billing.settle_batch", "enable_seqscan=off"],
  ]],
  ["analyzed", "a document", [
    ["_billing.document_lines", "enable_seqscan=off"],
    ["_billing.document_usage", "enable_seqscan=off"],
  ]],
  ["analyzed", "bookings of one", [
    ["_billing.booked_lines", "enable_seqscan=off"],
  ]],
  ["analyzed", "deliveries of one", [
    ["_billing.queue_invoice_deliveries", "enable_seqscan=off"],
  ]],
  ["for empty", "clients change", [
    ["_billing.audit_update", "enable_nestloop=off"],
  ]],
  ["for empty", "invoices change", [
    ["_billing.post_invoices", "enable_nestloop=off"],
  ]],
  ["for empty", "documents of all", [
    ["_billing.documents_of", "enable_nestloop=off"],
  ]],
  ["for empty", "logs are counted", [
    ["_billing.log_groups", "plan_cache_mode=force_custom_plan"],
  ]],
  ["for empty", "logs are too many", [
    ["_billing.hold_logs", "enable_nestloop=off"],
    ["_billing.hold_logs", "work_mem=64MB"],
  ]],
  ["for empty", "logs are exported", [
    ["_billing.plan_log_exports", "work_mem=64MB"],
  ]],
  ["for empty", "windows are compared", [
    ["_billing.window_totals", "enable_nestloop=off"],
  ]],
  ["for empty", "list prices", [
    ["billing.list_price_ranges", "enable_nestloop=off"],
  ]],
  ["for empty", "list prices are fetched", [
    ["billing.sync_list_prices", "enable_nestloop=off"],
  ]],
  ["for empty", "the quarantine is counted", [
    ["billing.count_quarantine", "enable_nestloop=off"],
    ["billing.count_quarantine", "work_mem=64MB"],
  ]],
  ["for empty", "a week is compared", [
    ["billing.repair_step", "work_mem=64MB"],
  ]],
  ["for empty", "usage is dismissed", [
    ["billing.dismiss_unpriced", "enable_nestloop=off"],
  ]],
  ["for empty", "a batch is settled", [
    ["billing.settle_batch", "work_mem=64MB"],
  ]],
  ["of years", "terms of one", [
    ["billing.period_terms", "plan_cache_mode=force_generic_plan"],
  ]],
  ["of years", "prices of one", [
    ["billing.price_segments", "plan_cache_mode=force_generic_plan"],
  ]],
  ["of years", "a price changes", [
    ["_billing.repriced_sections", "jit=off"],
    ["_billing.settled_usage", "plan_cache_mode=force_custom_plan"],
  ]],
  ["of years", "a list price comes", [
    ["_billing.relisted_sections", "jit=off"],
  ]],
  ["of years", "logs are counted", [
    ["_billing.rollup_step", "jit=off"],
  ]],
  ["of years", "usage is rebuilt", [
    ["billing.rebuild_usage", "jit=off"],
  ]],
  ["of years", "why a price", [
    ["billing.explain_price", "jit=off"],
  ]],
  ["of years", "a run begins", [
    ["billing.begin_run", "jit=off"],
  ]],
  ["of years", "a run ends", [
    ["billing.finish_run", "jit=off"],
  ]],
  ["of years", "a week is compared", [
    ["billing.repair_step", "jit=off"],
  ]],
  ["of years", "health", [
    ["billing.read_health", "jit=off"],
  ]],
  ["of years", "dashboards", [
    ["_billing.refresh_monthly_usage", "jit=off"],
  ]],
  ["of years", "invariants", [
    ["billing.check_invariants", "jit=off"],
  ]],
  ["of years", "violations are reported", [
    ["billing.report_violations", "jit=off"],
  ]],
];

export const SEEN: readonly Seen[] = BY_CALL.flatMap(([state, call, pins]) =>
  pins.map(([name, setting]) => ({ name, setting, state, call }))
);
