/** Mistakes as somebody could make them, that torture must find. */
import { ok } from "node:assert/strict";
import type { Sql } from "postgres";

/** In some functions a phrase says something else; a constraint may be gone besides. */
export interface Fault {
  readonly name: string;
  /** The check that must find it. */
  readonly check: string;
  readonly edits: readonly (readonly [routine: string, says: string, instead: string])[];
  readonly drop?: string;
  /** How many acts it takes to be found; all, unless it is said. */
  readonly acts?: number;
}

const ONE_OFF = "l.kind = 'one_off'";
const ITEM = "_billing.item_of(l.rating_key)";
const CAST = "substr(l.rating_key, 6)::uuid";

export const FAULTS: readonly Fault[] = [
  {
    name: "lost watermark update",
    check: "repaired",
    edits: [["_billing.rollup_step", "if counted > 0 then", "if counted % 3 = 0 then"]],
  },
  {
    name: "rounding off by one",
    check: "charges",
    edits: [[
      "_billing.usage_lines",
      "_billing.to_minor(p.amount, p.exponent)",
      "ceil(p.amount * _billing.to_minor(1, p.exponent))",
    ]],
  },
  {
    name: "double number",
    check: "numbers",
    edits: [[
      "_billing.allocate_invoice_numbers",
      "n.last_number + how_many",
      "n.last_number + how_many - 1",
    ]],
    drop: "alter table public.invoices drop constraint invoices_number_key",
  },
  {
    name: "unlocked claim",
    check: "claims",
    edits: [["_billing.claim_deliveries", "for update skip locked", ""]],
  },
  {
    name: "missing dedupe",
    check: "logs",
    edits: [[
      "billing.ingest_usage",
      "on conflict on constraint agent_usage_logs_pkey do nothing",
      "",
    ]],
    drop: "alter table public.agent_usage_logs drop constraint agent_usage_logs_pkey",
  },
  {
    // A run that begins with nothing due keeps no rollup out.
    name: "usage not held",
    check: "charges",
    acts: 13,
    edits: [["_billing.hold_usage", "perform from billing.usage_watermark for update;", ""]],
  },
  {
    // What is counted between the rating and its end, which takes a while, passes for rated.
    name: "versions not compared",
    check: "charges",
    acts: 24,
    edits: [
      [
        "_billing.mark_rated",
        "update public.billing_periods p",
        "select pg_sleep(0.5); update public.billing_periods p",
      ],
      ["_billing.lock_periods", "for update of p", ""],
      ["_billing.mark_rated", "rated_version = v.usage_version", "rated_version = p.usage_version"],
      ["_billing.mark_rated", "rated_version = v.usage_version", "rated_version = p.usage_version"],
    ],
  },
  {
    name: "months between two subscriptions billed",
    check: "service",
    edits: [[
      "_billing.follow_subscription",
      "greatest(first_day, latest.ends_on)",
      "latest.ends_on",
    ]],
  },
  {
    name: "months between an end and a return billed",
    check: "service",
    edits: [["_billing.serve_client", "greatest(new.started_on, today)", "known_end"]],
  },
  {
    name: "rename rebuilt within the rollup",
    check: "rebuilds",
    edits: [
      ["_billing.is_little", "> most then false", "> most then true"],
      ["_billing.is_little", "x) <= most", "x) >= 0"],
    ],
  },
  {
    name: "failed run not tried again",
    check: "due",
    acts: 13,
    edits: [["_billing.run_is_due", "or extract(hour from now_utc) >= 9 and (", "or false and ("]],
  },
  {
    name: "meters and models not counted as terms",
    check: "charges",
    acts: 13,
    edits: [[
      "_billing.count_terms_change",
      "if counted in (",
      "if tg_table_name in ('stripe_meters', 'models') or counted in (",
    ]],
  },
  {
    name: "set-off line cast to an item",
    check: "blocked",
    acts: 24,
    edits: [
      ["_billing.settle_items", ONE_OFF, `(${ONE_OFF} or l.is_late and l.amount_minor < 0)`],
      ["_billing.settle_items", ITEM, CAST],
      ["_billing.settle_items", ITEM, CAST],
    ],
  },
  {
    name: "negated parts cut to their whole",
    check: "usage",
    acts: 20,
    edits: [["billing.part_of", "ELSE (0)::numeric", "ELSE least(part, whole)"]],
  },
];

/** Replaces what the routines say; they must say it. */
export async function plant(sql: Sql, { edits, drop }: Fault): Promise<void> {
  for (const [routine, says, instead] of edits) {
    const [row] = await sql<{ source: string }[]>`
      select pg_get_functiondef(${routine}::regproc) as source`;
    const mutated = row?.source.replace(says, instead);
    ok(mutated !== undefined && mutated !== row?.source, `${routine} does not say ${says}`);
    await sql.unsafe(mutated);
  }
  if (drop !== undefined) await sql.unsafe(drop);
}
