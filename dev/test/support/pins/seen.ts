import type { State } from "./world.ts";

/** Where a pin is seen: which call costs more without it, and how the statistics are then. */
export interface Seen {
  readonly name: string;
  readonly setting: string;
  readonly state: State;
  readonly call: string;
}

/** Pins by the statistics and the call that show them: function, setting. */
const BY_CALL: readonly (readonly [State, string, readonly (readonly [string, string])[]])[] = [
  ["analyzed", "a document", [
    ["_billing.document_lines", "enable_seqscan=off"],
  ]],
  ["analyzed", "deliveries of one", [
    ["_billing.queue_invoice_deliveries", "enable_seqscan=off"],
  ]],
  ["analyzed", "the next day with logs", [
    ["_billing.next_log_day", "enable_seqscan=off"],
  ]],
  ["analyzed", "the quarantine", [
    ["_billing.waiting_groups", "enable_bitmapscan=off"],
  ]],
  ["for empty", "clients change", [
    ["_billing.audit_update", "enable_nestloop=off"],
    ["_billing.audit_update", "jit=off"],
  ]],
  ["for empty", "invoices change", [
    ["_billing.audit_invoices", "jit=off"],
    ["_billing.post_invoices", "enable_nestloop=off"],
    ["_billing.post_invoices", "jit=off"],
  ]],
  ["for empty", "the quarantine", [
    ["billing.list_quarantine", "enable_seqscan=off"],
  ]],
  ["for empty", "list prices", [
    ["billing.list_price_ranges", "enable_nestloop=off"],
    ["billing.list_price_ranges", "jit=off"],
  ]],
  ["for empty", "deliveries of one", [
    ["_billing.queue_invoice_deliveries", "jit=off"],
  ]],
  ["for empty", "the quarantine is counted", [
    ["billing.count_quarantine", "jit=off"],
    ["billing.count_quarantine", "work_mem=64MB"],
  ]],
  ["for empty", "a rebuild goes on", [
    ["billing.rebuild_usage", "enable_nestloop=off"],
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
  ["of years", "a list price comes", [
    ["_billing.relisted_sections", "jit=off"],
  ]],
  ["of years", "a family changes", [
    ["_billing.repriced_sections", "jit=off"],
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
  ["of years", "health", [
    ["billing.read_health", "jit=off"],
  ]],
];

export const SEEN: readonly Seen[] = BY_CALL.flatMap(([state, call, pins]) =>
  pins.map(([name, setting]) => ({ name, setting, state, call }))
);
