import { z } from "zod";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { Card, Facts } from "../parts/card.tsx";
import { Loaded } from "../parts/loaded.tsx";

const Settings = z.record(z.string(), z.json());

const PARTS: readonly (readonly [string, readonly string[]])[] = [
  ["Seller", [
    "seller_name",
    "seller_address",
    "seller_email",
    "seller_tax_id",
    "seller_website",
    "payment_instructions",
    "payment_page_url",
    "invoice_footer",
    "number_series",
  ]],
  ["Deliveries and reminders", [
    "operator_emails",
    "delivery_attempts",
    "reminder_days",
    "spend_jump_factor",
  ]],
  ["Usage", [
    "default_client_id",
    "max_usage_keys_per_day",
    "max_units_per_event",
    "log_retention_months",
  ]],
  ["Safety", ["require_aal2", "audit_addresses"]],
];

/** The installation's settings, to read; they are changed in SQL. */
export default function SettingsPage() {
  const { api } = useConsole();
  const answer = useAnswer(
    "settings",
    () => api.rows("billing_settings", Settings, new URLSearchParams({ select: "*" })),
  );
  return (
    <>
      <h1>Settings</h1>
      <p class="muted">
        To read. They are changed in SQL: <code>update public.billing_settings</code>.
      </p>
      <Loaded answer={answer} rows={8}>
        {([settings]) =>
          settings === undefined
            ? <p class="note">The settings are not readable for you.</p>
            : (
              <div class="cards">
                {PARTS.map(([title, names]) => (
                  <Card key={title} title={title}>
                    <Facts
                      facts={names.map((name) => [sentence(name), shown(settings[name])])}
                    />
                  </Card>
                ))}
              </div>
            )}
      </Loaded>
    </>
  );
}

function sentence(name: string): string {
  const words = name.replaceAll("_", " ");
  return `${words.slice(0, 1).toUpperCase()}${words.slice(1)}`;
}

function shown(value: unknown): string {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.length === 0 ? "–" : value.join(", ");
  return String(value);
}
