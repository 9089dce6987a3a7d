import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { changesOf, fieldOf, PARTS } from "./change-settings.ts";

const SETTINGS = {
  seller_name: "LeverEdge",
  seller_address: ["1 Street", "Town"],
  seller_email: null,
  seller_tax_id: null,
  seller_website: null,
  payment_instructions: null,
  payment_page_url: null,
  invoice_footer: null,
  number_series: "INV",
  default_client_id: null,
  max_usage_keys_per_day: 10_000,
  max_units_per_event: 1_000_000_000,
  operator_emails: [],
  delivery_attempts: 32,
  reminder_days: [-7, 0],
  spend_jump_factor: "3",
  log_retention_months: null,
  require_aal2: false,
  audit_addresses: false,
  datev_consultant: null,
  datev_client: null,
  datev_account_length: 4,
  fiscal_year_month: 1,
  top_up_tax: "on_use" as const,
};

function part(title: string) {
  const found = PARTS.find((one) => one.title === title);
  if (found === undefined) throw new Error(title);
  return found;
}

function entered(title: string): Readonly<Record<string, string>> {
  const fields = part(title).settings.map((setting) => fieldOf(setting, SETTINGS));
  return Object.fromEntries(fields.map(({ name, value = "" }) => [name, value]));
}

Deno.test("every setting is entered somewhere, once", () => {
  const names = PARTS.flatMap(({ settings }) => settings.map(({ name }) => name));
  deepStrictEqual([...names].sort(), Object.keys(SETTINGS).sort());
});

Deno.test("an unchanged entry changes nothing, and a changed one is sent alone", () => {
  deepStrictEqual(changesOf(part("Seller"), SETTINGS, entered("Seller"), false).changed, []);
  const change = {
    ...entered("Seller"),
    seller_address: "2 Street\nTown",
    seller_email: "a@b.example",
  };
  const { body, problem } = changesOf(part("Seller"), SETTINGS, change, false);
  strictEqual(problem, null);
  deepStrictEqual(body, { seller_address: ["2 Street", "Town"], seller_email: "a@b.example" });
});

Deno.test("numbers are numbers, an emptied one is none, and what is no number is refused", () => {
  const values = entered("Deliveries and reminders");
  const days = changesOf(part("Deliveries and reminders"), SETTINGS, {
    ...values,
    reminder_days: "-3, 0,14",
    delivery_attempts: "5",
  }, false);
  deepStrictEqual(days.body, { reminder_days: [-3, 0, 14], delivery_attempts: 5 });
  const bad = changesOf(part("Deliveries and reminders"), SETTINGS, {
    ...values,
    delivery_attempts: "many",
  }, false);
  ok(bad.problem?.startsWith("Delivery attempts"), bad.problem ?? "");
});

Deno.test("a setting of few values is chosen among them", () => {
  const fields = part("Bookkeeping").settings.map((setting) => fieldOf(setting, SETTINGS));
  deepStrictEqual(fields.at(-1)?.options, [["on_use", "on_use"], ["on_purchase", "on_purchase"]]);
  const values = { ...entered("Bookkeeping"), top_up_tax: "on_purchase" };
  deepStrictEqual(changesOf(part("Bookkeeping"), SETTINGS, values, false).body, {
    top_up_tax: "on_purchase",
  });
});

Deno.test("a second factor is not asked of all by an operator who has none", () => {
  const values = { ...entered("Safety"), require_aal2: "yes" };
  ok(changesOf(part("Safety"), SETTINGS, values, false).problem !== null);
  strictEqual(changesOf(part("Safety"), SETTINGS, values, true).problem, null);
});
