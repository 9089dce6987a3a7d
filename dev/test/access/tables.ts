/** The access matrix of tables and views; see matrix.ts. */

/** Rows that a member sees: a condition on the table, of `$user`, a member of `$client`. */
interface TableAccess {
  /** `false`: refused or empty. */
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
  auto_recharges: { member: own, service: "select" },
  balance_entries: { member: own, service: "select" },
  billing_config: { member: own, service: "select,insert,update,delete" },
  billing_periods: { member: "false", service: "select" },
  billing_settings: { member: "false", service: "select,update" },
  chart_of_accounts: { member: "false", service: "select,insert,update,delete" },
  client_budgets: { member: own, service: "select,insert,update,delete" },
  client_members: {
    member: `${own} and (user_id = $user or exists (select from public.client_members a
      where a.client_id = $client and a.user_id = $user and a.role = 'admin'))`,
    service: "select,insert,update,delete",
  },
  client_time_zones: { member: own, service: "select" },
  clients: { member: "id = $client", service: "select,insert,update,delete" },
  credit_entries: { member: own, service: "select" },
  credit_grants: { member: own, service: "select" },
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
  list_prices: { member: "false", service: "select" },
  listed_models: { member: "false", service: "select" },
  models: { member: "true", service: "select,insert,update,delete" },
  payments: { member: own, service: "select" },
  price_policies: { member: "false", service: "select,insert,update,delete" },
  price_proposals: { member: "false", service: "select" },
  price_sources: { member: "false", service: "select,update" },
  price_syncs: { member: "false", service: "select" },
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
  stripe_payment_records: { member: "false", service: "select" },
  stripe_payments: { member: "false", service: "select,insert,update,delete" },
  stripe_payout_transactions: { member: "false", service: "select" },
  stripe_payouts: { member: "false", service: "select" },
  stripe_refunds: { member: "false", service: "select,insert,update,delete" },
  stripe_subscriptions: { member: own, service: "select,insert,update,delete" },
  stripe_terms: { member: "false", service: "select,insert,update,delete" },
  top_ups: { member: own, service: "select" },
  usage_records: { member: own, service: "select" },
};

/** Columns that service_role may insert where it may not insert all of them. */
export const INSERTED_COLUMNS: Readonly<Record<string, string>> = {
  agent_usage_logs:
    "agent,calls,client_id,created_at,endpoint,feature_cost,id,input_cost,input_tokens," +
    "metadata,model,other_features,output_cost,output_tokens,timestamp,total_cost,web_searches",
};

/**
 * What agents with a signed token of their own may do in `public`: insert these columns, of rows for
 * the clients of their key, and nothing else.
 */
export const SIGNED_AGENT: Readonly<Record<string, string>> = {
  agent_usage_logs:
    "agent,calls,client_id,endpoint,feature_cost,id,input_cost,input_tokens,metadata," +
    "model,other_features,output_cost,output_tokens,timestamp,total_cost,web_searches",
};

/** Tables and views of `billing`, which the Data API does not expose: what service_role may do. */
export const INTERNAL: Readonly<Record<string, string>> = {
  account_entries: "select",
  agent_keys: "select",
  agent_model_usage: "select",
  attributed_logs: "select",
  audit_erasures: "select",
  audit_log: "select",
  audit_seals: "select",
  client_margin: "select",
  client_monthly_usage: "select",
  client_references: "select",
  daily_usage: "select",
  delivery_kinds: "select",
  dismissed_logs: "select",
  dismissed_quarantine: "select",
  earlier_invoices: "select",
  earlier_payments: "select",
  erasures: "select",
  error_codes: "select",
  idempotency_keys: "select,insert,update,delete",
  credit_sums: "select",
  job_calls: "select",
  job_definitions: "select",
  health: "select",
  held_invoices: "select",
  held_logs: "select",
  held_windows: "select",
  refused_windows: "select",
  invoice_holds: "select",
  invoice_links: "select",
  jobs: "select",
  journal: "select",
  ledger_accounts: "select",
  price_models: "select",
  ledger_entries: "select",
  ledger_sums: "select",
  ledger_transactions: "select",
  log_exports: "select",
  log_months: "select",
  member_invitations: "select",
  monthly_revenue: "select",
  monthly_runs: "select",
  monthly_usage: "select",
  payout_lines: "select",
  payout_sums: "select",
  pending_rebuilds: "select",
  price_source_states: "select",
  quarantine: "select",
  rate_class_conditions: "select",
  rate_class_keys: "select",
  rate_classes: "select",
  quarantine_counts: "select",
  quarantine_groups: "select",
  quarantined_logs: "select",
  quarantined_usage: "select",
  rebuild_requests: "select",
  run_batches: "select",
  run_clients: "select",
  run_report: "select",
  stripe_events: "select,insert",
  stripe_meter_events: "select",
  stripe_payment_methods: "select",
  stripe_reconciliations: "select",
  unbilled_metrics: "select",
  usage_days: "select",
  usage_source_agents: "select",
  usage_source_states: "select",
  usage_sources: "select",
  usage_watermark: "select",
};
