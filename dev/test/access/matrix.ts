/**
 * Who may do what, written down by hand. The tests hold the system to it and it to the system: a
 * table, view, callable function, edge function or endpoint without a row here fails them.
 */

/** Rows that a member sees: a condition on the table, `$client` the member's client. */
interface TableAccess {
  /** `none`: refused or empty. */
  readonly member: string;
  /** What service_role may do beside reading. Operators read all rows; nobody else writes. */
  readonly service: string;
}

const own = "client_id = $client";
const issued = `${own} and status <> 'draft'`;

/** Tables of `public`: all that the Data API exposes. */
export const TABLES: Readonly<Record<string, TableAccess>> = {
  agent_assignments: { member: own, service: "select,insert,update,delete" },
  // Inserts: the columns that agents send, of INSERTED_COLUMNS.
  agent_usage_logs: { member: "false", service: "select" },
  balance_entries: { member: own, service: "select" },
  billing_config: { member: own, service: "select,insert,update,delete" },
  billing_periods: { member: "false", service: "select" },
  billing_settings: { member: "false", service: "select,update" },
  client_budgets: { member: own, service: "select,insert,update,delete" },
  client_members: { member: own, service: "select,insert,update,delete" },
  client_time_zones: { member: own, service: "select" },
  clients: { member: "id = $client", service: "select,insert,update,delete" },
  credit_note_lines: {
    member: `credit_note_id in (select id from public.credit_notes where ${own})`,
    service: "select",
  },
  credit_notes: { member: own, service: "select" },
  currencies: { member: "true", service: "select" },
  deliveries: { member: "false", service: "select" },
  hold_limits: { member: "false", service: "select,insert,update,delete" },
  invoice_items: { member: "false", service: "select,insert" },
  invoice_lines: {
    member: `invoice_id in (select id from public.invoices where ${issued})`,
    service: "select",
  },
  invoices: { member: issued, service: "select" },
  models: { member: "true", service: "select,insert,update,delete" },
  payments: { member: own, service: "select" },
  prices: { member: `client_id is null or ${own}`, service: "select,insert,update,delete" },
  providers: { member: "true", service: "select,insert,update" },
  service_intervals: { member: own, service: "select" },
  stripe_balance_transactions: { member: "false", service: "select,insert,update,delete" },
  stripe_carried: { member: "false", service: "select,insert,update,delete" },
  stripe_credit_notes: { member: "false", service: "select,insert,update,delete" },
  stripe_customers: { member: "false", service: "select,insert,update,delete" },
  stripe_disputes: { member: "false", service: "select,insert,update,delete" },
  stripe_invoices: {
    member: `invoice_id in (select id from public.invoices where ${issued})`,
    service: "select,insert,update,delete",
  },
  stripe_meters: { member: "false", service: "select,insert,update,delete" },
  stripe_notes: { member: "false", service: "select,insert,update,delete" },
  stripe_payments: { member: "false", service: "select,insert,update,delete" },
  stripe_refunds: { member: "false", service: "select,insert,update,delete" },
  stripe_subscriptions: { member: own, service: "select,insert,update,delete" },
  stripe_terms: { member: "false", service: "select,insert,update,delete" },
  usage_records: { member: own, service: "select" },
};

/** Columns that service_role may insert where it may not insert all of them. */
export const INSERTED_COLUMNS: Readonly<Record<string, string>> = {
  agent_usage_logs: "agent,client_id,created_at,endpoint,feature_cost,id,input_cost,input_tokens," +
    "metadata,model,other_features,output_cost,output_tokens,timestamp,total_cost,web_searches",
};

/**
 * What agents with a signed token of their own may do in `public`: insert these columns, of rows for
 * the clients of their key, and nothing else.
 */
export const SIGNED_AGENT: Readonly<Record<string, string>> = {
  agent_usage_logs: "agent,client_id,endpoint,feature_cost,id,input_cost,input_tokens,metadata," +
    "model,other_features,output_cost,output_tokens,timestamp,total_cost,web_searches",
};

/** Tables and views of `billing`, which the Data API does not expose: what service_role may do. */
export const INTERNAL: Readonly<Record<string, string>> = {
  account_entries: "select",
  agent_keys: "select",
  agent_model_usage: "select",
  attributed_logs: "select",
  audit_log: "select",
  client_margin: "select",
  client_monthly_usage: "select",
  client_references: "select",
  dismissed_logs: "select",
  dismissed_quarantine: "select",
  error_codes: "select",
  idempotency_keys: "select,insert,update,delete",
  job_calls: "select",
  job_definitions: "select",
  health: "select",
  held_invoices: "select",
  held_logs: "select",
  invoice_holds: "select",
  jobs: "select",
  log_exports: "select",
  log_months: "select",
  monthly_revenue: "select",
  monthly_runs: "select",
  monthly_usage: "select",
  pending_rebuilds: "select",
  quarantine: "select",
  quarantine_counts: "select",
  quarantined_logs: "select",
  rebuild_requests: "select",
  run_batches: "select",
  run_clients: "select",
  run_report: "select",
  stripe_events: "select,insert",
  stripe_meter_events: "select",
  stripe_reconciliations: "select",
  unbilled_metrics: "select",
  usage_days: "select",
  usage_watermark: "select",
};

/** Functions of `billing` that service_role may call; `authenticated` calls those of its policies. */
export const CALLABLE = {
  // By the policy, defaults and checks of the log.
  billing_agent: [
    "agent_may_log",
    "new_id",
    "refuse_nan",
    "refuse_negative",
    "storing_transaction",
  ],
  authenticated: ["is_operator", "my_clients", "readable_clients"],
  service_role: [
    "actor",
    "anchor_in_month",
    "apply_retention",
    "apply_stripe_balance",
    "apply_stripe_charge",
    "apply_stripe_credit_note",
    "apply_stripe_dispute",
    "apply_stripe_invoice",
    "apply_stripe_invoice_payment",
    "apply_stripe_refund",
    "apply_stripe_subscription",
    "as_of",
    "begin_run",
    "budget_use",
    "charge_base_fee",
    "check_invariants",
    "claim_idempotency_key",
    "client_balance",
    "close_month",
    "config_on",
    "correct_log",
    "count_quarantine",
    "count_usage",
    "create_agent_key",
    "create_one_off_invoice",
    "current_spend",
    "day_of",
    "dismiss_quarantined",
    "dismiss_unpriced",
    "end_service",
    "event_differences",
    "explain_price",
    "feature_reason",
    "finalize_invoice",
    "find_agent_key",
    "finish_run",
    "forget_stripe_customer",
    "full_days",
    "generate_invoice",
    "has_ended",
    "heal_run",
    "heal_step",
    "ingest_usage",
    "ingest_usage_by_key",
    "insert_events",
    "is_built_in",
    "is_negation",
    "is_operator",
    "is_tax_list",
    "is_tier_list",
    "issue_credit_note",
    "mark_uncollectible",
    "merged_config",
    "metadata_count",
    "money_text",
    "my_clients",
    "new_id",
    "next_periods",
    "nudge_deliver",
    "nudge_stripe",
    "overdue_invoices",
    "owner_of_subscription",
    "part_of",
    "period_end_of",
    "period_start_of",
    "period_terms",
    "preview_invoice",
    "price_candidates",
    "price_segments",
    "priced_usage",
    "process_stripe_event",
    "process_stripe_events",
    "quarantine_summary",
    "queue_notice",
    "queue_reminders",
    "queue_usage_alerts",
    "raise_error",
    "read_health",
    "read_jobs",
    "readable_clients",
    "rebuild_step",
    "rebuild_usage",
    "receive_stripe_event",
    "reconcile_usage",
    "record_payment",
    "refresh_dashboards",
    "refuse_corrections",
    "refuse_nan",
    "refuse_negative",
    "regenerate_invoice",
    "reinstate_dismissed",
    "release_held_logs",
    "release_invoice",
    "report_violations",
    "requeue_deliveries",
    "requeue_delivery",
    "retract_log",
    "revoke_agent_key",
    "rotate_agent_key",
    "run_if_due",
    "run_monthly",
    "run_report_text",
    "running_periods",
    "settle_batch",
    "spend_jumps",
    "start_service",
    "statement",
    "storing_transaction",
    "unsettled_targets",
    "usage_discrepancies",
    "usage_in_logs",
    "usage_of_targets",
    "void_invoice",
    "watch_jobs",
  ],
} as const;

/** Buckets of Storage, all private: who beside the service may list or read files; a policy each. */
export const BUCKETS: Readonly<Record<string, readonly string[]>> = {
  invoices: [],
  "usage-logs": [],
};

const staff = ["operator", "service"];
const readers = ["operator", "service", "member"];
const jobs = ["operator", "service", "cron"];

/** Who may call an operation of the HTTP API; the others get 401 (nobody) or 403. */
export const ENDPOINTS: Readonly<Record<string, readonly string[]>> = {
  listClients: readers,
  createClient: staff,
  getClient: readers,
  updateClient: staff,
  listMembers: staff,
  addMember: staff,
  removeMember: staff,
  listAssignments: readers,
  createAssignment: staff,
  updateAssignment: staff,
  removeAssignment: staff,
  listConfigs: readers,
  createConfig: staff,
  updateConfig: staff,
  removeConfig: staff,
  explainPrice: staff,
  listPrices: readers,
  createPrice: staff,
  updatePrice: staff,
  removePrice: staff,
  clientUsage: readers,
  allUsage: staff,
  rollupUsage: jobs,
  clientSpend: readers,
  listInvoices: readers,
  generateInvoice: staff,
  previewInvoice: staff,
  getInvoice: readers,
  signInvoicePdf: readers,
  finalizeInvoice: staff,
  releaseInvoice: staff,
  voidInvoice: staff,
  regenerateInvoice: staff,
  creditInvoice: staff,
  recordPayment: staff,
  writeOffInvoice: staff,
  listDeliveries: staff,
  retryDelivery: staff,
  runMonth: jobs,
  listRuns: staff,
  listQuarantine: staff,
  resolveQuarantine: staff,
  clientStatement: readers,
  reconcile: staff,
  health: jobs,
  listAgentKeys: staff,
  createAgentKey: staff,
  rotateAgentKey: staff,
  revokeAgentKey: staff,
  openApi: ["anon", "member", "operator", "agent", "cron", "service"],
  ingestUsage: ["service", "agent", "keyed"],
};

/** Edge functions that are not made of endpoints: who may call them. */
export const FUNCTIONS: Readonly<Record<string, readonly string[]>> = {
  "create-stripe-invoice": ["service", "cron"],
  deliver: ["cron"],
  "reconcile-stripe": ["service", "cron"],
  "render-invoice": readers,
  // Stripe has no key of ours: the handler refuses requests without its signature.
  "stripe-webhook": [
    "anon",
    "member",
    "operator",
    "agent",
    "keyed",
    "signed",
    "cron",
    "service",
  ],
};

/** Edge functions whose endpoints are listed above. */
export const ENDPOINT_FUNCTIONS = ["billing", "ingest-usage"];
