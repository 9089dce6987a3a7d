import { z } from "zod";
import { ExactDecimal, Id, isPlain, line, name, NOT_PLAIN, nothing, reason } from "./fields.ts";
import { type Route, STAFF } from "./route.ts";

const optional = (length: number) => reason(length).nullable();
const fields = {
  seller_name: name(200),
  seller_address: z.array(line(200)).max(10),
  seller_email: optional(320),
  seller_tax_id: optional(60),
  seller_website: optional(500),
  payment_instructions: optional(2000),
  payment_page_url: z.url({ protocol: /^https$/ }).max(2000).refine(isPlain, NOT_PLAIN).nullable(),
  invoice_footer: optional(2000),
  number_series: z.string().regex(/^[A-Z][A-Z0-9]{0,9}$/, "capitals and digits like INV"),
  default_client_id: Id.nullable(),
  max_usage_keys_per_day: z.int().min(1).max(1_000_000),
  max_units_per_event: z.int().min(1).max(1_000_000_000_000),
  operator_emails: z.array(z.email().max(320)).max(50),
  delivery_attempts: z.int().min(1).max(50),
  reminder_days: z.array(z.int().min(-365).max(365)).max(20),
  spend_jump_factor: z.string().regex(/^\d{1,6}(\.\d{1,6})?$/, "a decimal above 1"),
  log_retention_months: z.int().min(3).max(1200).nullable(),
  require_aal2: z.boolean(),
  audit_addresses: z.boolean(),
  datev_consultant: z.int().min(1001).max(9_999_999).nullable(),
  datev_client: z.int().min(1).max(99_999).nullable(),
  datev_account_length: z.int().min(4).max(8),
  fiscal_year_month: z.int().min(1).max(12),
  top_up_tax: z.enum(["on_use", "on_purchase"]),
};

/** The seller as printed on invoices, and the defaults of the installation. */
export const Settings = z.strictObject({
  ...fields,
  seller_name: z.string(),
  seller_address: z.array(z.string()),
  seller_email: z.string().nullable(),
  seller_tax_id: z.string().nullable(),
  seller_website: z.string().nullable(),
  payment_instructions: z.string().nullable(),
  payment_page_url: z.string().nullable(),
  invoice_footer: z.string().nullable(),
  max_usage_keys_per_day: z.int(),
  max_units_per_event: z.int(),
  operator_emails: z.array(z.string()),
  reminder_days: z.array(z.int()),
  spend_jump_factor: ExactDecimal,
});

const base = {
  path: "/billing/settings",
  access: STAFF,
  params: nothing,
  query: nothing,
  answer: Settings,
  status: 200,
} as const;

export const getSettings = {
  ...base,
  id: "getSettings",
  method: "GET",
  summary: "The seller as printed on invoices, and the defaults of the installation",
  body: nothing,
} as const satisfies Route;

export const updateSettings = {
  ...base,
  id: "updateSettings",
  method: "PATCH",
  summary: "Change settings; issued invoices keep what they were issued with",
  body: z.strictObject(fields).partial(),
} as const satisfies Route;
