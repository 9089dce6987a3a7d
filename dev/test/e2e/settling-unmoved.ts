import type { Step } from "./settling-scenario.ts";

/** Why there is no change to make of these, which a run reads or writes. */
export const UNMOVED: Readonly<Record<string, string>> = {
  "public.currencies": "reference data; digits of a currency change by a migration",
  "billing.rate_classes": "reference data; codes and names cannot change, conditions do",
  "billing.delivery_kinds": "reference data of deliveries",
  "billing.error_codes": "reference data of messages",
  "public.invoices": "written under the lock of its client alone",
  "public.invoice_lines": "written under the lock of its client alone",
  "public.credit_notes": "written under the lock of its client alone",
  "public.credit_note_lines": "written under the lock of its client alone",
  "public.payments": "written under the lock of its client alone",
  "public.balance_entries": "written under the lock of its client alone",
  "public.credit_grants": "written under the lock of its client alone",
  "public.credit_entries": "written under the lock of its client alone",
  "public.top_ups": "written under the lock of its client alone",
  "public.auto_recharges": "what is asked of a client ahead: no amount of an invoice for a period",
  "billing.credit_sums": "sums of entries, written with them",
  "billing.ledger_accounts": "the ledger is written with the documents that it follows",
  "billing.ledger_entries": "the ledger is written with the documents that it follows",
  "billing.ledger_sums": "the ledger is written with the documents that it follows",
  "billing.ledger_transactions": "the ledger is written with the documents that it follows",
  "billing.invoice_holds": "written under the lock of its client alone; no amount changes",
  "public.billing_periods": "written under the lock of its client, or of the period",
  "_billing.invoice_counters": "the last of the locks: held until the commit",
  "_billing.settlement_locks": "the locks themselves",
  "_billing.terms_versions": "the versions themselves",
  "_billing.revenue_changes": "a list of what the margin views read anew",
  "_billing.usage_changes": "written by rollups and rebuilds, with the usage",
  "billing.quarantined_logs": "written by rollups and rebuilds, with the usage",
  "billing.held_logs": "written by rollups and rebuilds, with the usage",
  "billing.usage_days": "days that were compared with the logs; each change of usage asks anew",
  "billing.usage_watermark": "how far logs are counted: held while periods are opened",
  "billing.monthly_runs": "the run itself",
  "billing.run_clients": "the run itself",
  "billing.run_batches": "the run itself",
  "billing.audit_log": "written, and read by nothing that settles",
  "public.deliveries": "written, and read by nothing that settles",
};

/**
 * What stands beside the books and rating does not read, with why: what is changed there while a run
 * is open changes no amount.
 */
export const BESIDE: Readonly<Record<string, { readonly why: string; readonly change: Step }>> = {
  "_billing.agent_keys": {
    why: "who may log; what was logged is rated by its row",
    change: (sql, { client }) =>
      sql`select id from billing.create_agent_key('a test', array[${client}]::uuid[])`,
  },
  "public.stripe_terms": {
    why: "how an invoice is collected: read when it is sent",
    change: (sql, { client }) =>
      sql`insert into public.stripe_terms (client_id, mailed_by) values (${client}, 'stripe')`,
  },
  "public.hold_limits": {
    why: "whether a draft is issued: read when it is made, its amounts are the same",
    change: (sql, { client }) =>
      sql`
        insert into public.hold_limits (client_id, currency, ceiling_minor)
        values (${client}, 'USD', 1)`,
  },
  "public.stripe_payouts": {
    why: "what Stripe pays us, of invoices that are issued",
    change: (sql) =>
      sql`
        insert into public.stripe_payouts (payout_id, livemode, status, is_automatic, amount_minor,
          currency, arrives_on, created_at)
        values ('po_1', false, 'paid', true, 100, 'USD', '2026-06-20', now())`,
  },
  "public.stripe_payment_records": {
    why: "what Stripe knows of payments, of invoices that are issued",
    change: (sql) =>
      sql`
        insert into public.stripe_payment_records (payment_id, livemode, amount_minor, state)
        select p.id, false, p.amount_minor, 'told' from public.payments p`,
  },
  "billing.audit_seals": {
    why: "hashes of the audit log",
    change: (sql) => sql`select _billing.seal_audit()`,
  },
  "_billing.stripe_setups": {
    why: "payment methods that clients have stored at Stripe",
    change: (sql) =>
      sql`
        insert into _billing.stripe_setups (setup_intent_id, livemode, stripe_customer_id, seen_at)
        values ('seti_1', false, 'cus_1', now())`,
  },
};
