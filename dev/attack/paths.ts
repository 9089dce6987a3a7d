/** What a header cannot hold. */
export const NOISE = /[^\x20-\x7e]/g;

/** Where credentials are tried; `ID` stands for some row's id. */
export const PATHS: readonly (readonly [method: string, path: string])[] = [
  ["GET", "/functions/v1/billing/clients"],
  ["GET", "/functions/v1/billing/clients/ID"],
  ["GET", "/functions/v1/billing/clients/ID/usage?start=2026-06-01&end=2026-06-30"],
  ["GET", "/functions/v1/billing/clients/ID/statement?year=2026"],
  ["GET", "/functions/v1/billing/invoices"],
  ["GET", "/functions/v1/billing/invoices/ID"],
  ["GET", "/functions/v1/billing/invoices/ID/pdf"],
  ["GET", "/functions/v1/billing/agent-keys"],
  ["GET", "/functions/v1/billing/health"],
  ["GET", "/functions/v1/render-invoice?invoice_id=ID&format=json"],
  ["POST", "/functions/v1/billing/invoices/ID/void"],
  ["POST", "/functions/v1/billing/runs"],
  ["POST", "/functions/v1/billing/agent-keys"],
  ["POST", "/functions/v1/billing/agent-keys/ID/rotate"],
  ["POST", "/functions/v1/ingest-usage"],
  ["POST", "/functions/v1/deliver"],
  ["POST", "/functions/v1/create-stripe-invoice"],
  ["POST", "/functions/v1/reconcile-stripe"],
  ["GET", "/rest/v1/clients?select=id,name"],
  ["GET", "/rest/v1/invoices?id=eq.ID"],
  ["POST", "/rest/v1/agent_usage_logs"],
];
