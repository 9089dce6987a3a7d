import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { changeOf, changesOf, PARTS } from "./change-settings.tsx";

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
  operator_emails: [],
  delivery_attempts: 32,
  reminder_days: [-7, 0],
  spend_jump_factor: "3",
  log_retention_months: null,
  require_aal2: false,
  audit_addresses: false,
};

function part(title: string) {
  const found = PARTS.find((one) => one.title === title);
  if (found === undefined) throw new Error(title);
  return found;
}

function entered(title: string): Readonly<Record<string, string>> {
  const { fields = [] } = changeOf(part(title), SETTINGS, false, () => {
    throw new Error("not confirmed");
  });
  return Object.fromEntries(fields.map(({ name, value = "" }) => [name, value]));
}

Deno.test("every setting is entered somewhere, once", () => {
  const names = PARTS.flatMap(({ settings }) => settings.map(({ name }) => name));
  deepStrictEqual([...names].sort(), Object.keys(SETTINGS).sort());
});

Deno.test("what was entered as it holds changes nothing, and what differs is sent alone", () => {
  deepStrictEqual(changesOf(part("Seller"), SETTINGS, entered("Seller")).changed, []);
  const change = {
    ...entered("Seller"),
    seller_address: "2 Street\nTown",
    seller_email: "a@b.example",
  };
  const { body, problem } = changesOf(part("Seller"), SETTINGS, change);
  strictEqual(problem, null);
  deepStrictEqual(body, { seller_address: ["2 Street", "Town"], seller_email: "a@b.example" });
});

Deno.test("numbers are numbers, an emptied one is none, and what is no number is refused", () => {
  const values = entered("Deliveries and reminders");
  const days = changesOf(part("Deliveries and reminders"), SETTINGS, {
    ...values,
    reminder_days: "-3, 0,14",
    delivery_attempts: "5",
  });
  deepStrictEqual(days.body, { reminder_days: [-3, 0, 14], delivery_attempts: 5 });
  const bad = changesOf(part("Deliveries and reminders"), SETTINGS, {
    ...values,
    delivery_attempts: "many",
  });
  ok(bad.problem?.startsWith("Delivery attempts"), bad.problem ?? "");
});

Deno.test("a second factor is not asked of all by an operator who has none", async () => {
  const values = { ...entered("Safety"), require_aal2: "yes" };
  const done = () => Promise.reject(new Error("not confirmed"));
  const without = await changeOf(part("Safety"), SETTINGS, false, done).preview(values);
  strictEqual(without.error?.code, "bad_request");
  const having = await changeOf(part("Safety"), SETTINGS, true, done).preview(values);
  strictEqual(having.error, null);
});
