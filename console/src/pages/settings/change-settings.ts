import type { z } from "zod";
import {
  type Settings as SettingsSchema,
  updateSettings,
} from "../../../../shared/api/settings.ts";
import type { Field, Values } from "../../acts/fields.ts";

export type Settings = z.infer<typeof SettingsSchema>;
export type Change = z.input<typeof updateSettings.body>;

/** A setting: how it is entered. Lists stand one in a line, or with commas between numbers. */
interface Setting {
  readonly name: keyof Settings;
  readonly as: "text" | "long" | "lines" | "number" | "numbers" | "switch";
  readonly hint?: string;
  /** What it may be; else it is what is entered. */
  readonly choices?: readonly string[];
}

/** Settings that are changed together. */
export interface Part {
  readonly title: string;
  readonly settings: readonly Setting[];
}

export const PARTS: readonly Part[] = [
  {
    title: "Seller",
    settings: [
      { name: "seller_name", as: "text" },
      { name: "seller_address", as: "lines" },
      { name: "seller_email", as: "text" },
      { name: "seller_tax_id", as: "text" },
      { name: "seller_website", as: "text" },
      { name: "payment_instructions", as: "long" },
      { name: "payment_page_url", as: "text", hint: "An https address that does not expire." },
      { name: "invoice_footer", as: "long" },
      { name: "number_series", as: "text", hint: "Capitals and digits, like INV." },
    ],
  },
  {
    title: "Deliveries and reminders",
    settings: [
      { name: "operator_emails", as: "lines", hint: "One in a line." },
      { name: "delivery_attempts", as: "number" },
      {
        name: "reminder_days",
        as: "numbers",
        hint: "Days after the due day, negative before it, with commas between them.",
      },
      { name: "spend_jump_factor", as: "text" },
    ],
  },
  {
    title: "Usage",
    settings: [
      { name: "default_client_id", as: "text" },
      { name: "max_usage_keys_per_day", as: "number" },
      { name: "max_units_per_event", as: "number" },
      { name: "log_retention_months", as: "number", hint: "Left empty: for ever." },
    ],
  },
  {
    title: "Bookkeeping",
    settings: [
      { name: "datev_consultant", as: "number", hint: "Beraternummer." },
      { name: "datev_client", as: "number", hint: "Mandantennummer." },
      { name: "datev_account_length", as: "number", hint: "Digits of an account, 4 to 8." },
      { name: "fiscal_year_month", as: "number", hint: "The month in which a fiscal year begins." },
      {
        name: "top_up_tax",
        as: "text",
        choices: ["on_use", "on_purchase"],
        hint: "When bought credit is taxed. It holds for top-ups from now on.",
      },
    ],
  },
  {
    title: "Safety",
    settings: [
      { name: "require_aal2", as: "switch", hint: "Acts of users take a second factor." },
      { name: "audit_addresses", as: "switch" },
    ],
  },
];

/** `seller_name` is "Seller name". */
export function sentence(name: string): string {
  const words = name.replaceAll("_", " ");
  return `${words.slice(0, 1).toUpperCase()}${words.slice(1)}`;
}

/** What differs from the settings that hold, as the route takes it and as it is shown. */
export function changesOf(
  part: Part,
  settings: Settings,
  values: Values,
  hasSecondFactor: boolean,
): {
  readonly body: Change;
  readonly changed: readonly (readonly [string, string, string])[];
  readonly problem: string | null;
} {
  const changed = part.settings.flatMap((setting) => {
    const before = textOf(setting, settings);
    const after = (values[setting.name] ?? "").trim();
    return before === after ? [] : [{ setting, before, after }];
  });
  const parsed = updateSettings.body.safeParse(
    Object.fromEntries(
      changed.map(({ setting, after }) => [setting.name, valueOf(setting, after)]),
    ),
  );
  const issue = parsed.error?.issues[0];
  return {
    body: parsed.data ?? {},
    changed: changed.map(({ setting: { name }, before, after }) =>
      [name, before === "" ? "–" : before, after === "" ? "–" : after] as const
    ),
    problem: issue !== undefined
      ? `${sentence(String(issue.path[0] ?? ""))}: ${issue.message}`
      : parsed.data?.require_aal2 === true && !hasSecondFactor
      // An operator who has none could not turn it off again.
      ? "open this session with your second factor first: see above"
      : null,
  };
}

/** How a setting is entered, with what holds. */
export function fieldOf(setting: Setting, settings: Settings): Field {
  const { name, as, hint, choices } = setting;
  return {
    name,
    label: sentence(name),
    value: textOf(setting, settings),
    ...hint === undefined ? {} : { hint },
    ...as === "long" || as === "lines" ? { kind: "long" as const } : {},
    ...as === "switch" ? { options: [["no", "no"], ["yes", "yes"]] as const } : {},
    ...choices === undefined ? {} : { options: choices.map((one) => [one, one] as const) },
  };
}

/** A setting as it is entered. */
function textOf({ name, as }: Setting, settings: Settings): string {
  const value = settings[name];
  if (value === null) return "";
  if (as === "switch") return value === true ? "yes" : "no";
  if (Array.isArray(value)) return value.join(as === "lines" ? "\n" : ", ");
  return String(value);
}

/** The entry as the route takes it; text that is none of its kind stays text and is refused. */
function valueOf({ name, as }: Setting, text: string): unknown {
  if (as === "switch") return text === "yes";
  if (as === "lines") return text === "" ? [] : text.split("\n").map((line) => line.trim());
  if (as === "numbers") {
    return text === "" ? [] : text.split(",").map((part) => numberOf(part.trim()));
  }
  if (as === "number") return text === "" ? null : numberOf(text);
  return text === "" && name !== "seller_name" ? null : text;
}

function numberOf(text: string): unknown {
  return /^-?\d{1,9}$/.test(text) ? Number(text) : text;
}
