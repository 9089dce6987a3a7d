/**
 * Mistakes that a review found once, made again in the database for the laws of worlds to find:
 * ADR 20 says how many worlds that takes.
 */
import type { Sql } from "postgres";
import { type Fault, FAULTS as TORTURED, plant } from "../../torture/faults.ts";

/** A fault with the law that it breaks; `check` is this law. */
const tortured = (name: string, check: string): Fault => {
  const fault = TORTURED.find((one) => one.name === name);
  if (fault === undefined) throw new Error(`torture knows no fault ${name}`);
  return { ...fault, check };
};

export const FAULTS: Readonly<Record<string, Fault>> = {
  M1: tortured("set-off line cast to an item", "a run could not settle a client"),
  M2: tortured("negated parts cut to their whole", "booked is not rated"),
  M3: {
    name: "a short period is charged a whole minimum",
    check: "booked is not rated",
    edits: [[
      "_billing.unopened_periods",
      "billing.full_days(p.period_start, p.period_end, p.billing_anchor_day)",
      "p.period_end - p.period_start",
    ]],
  },
  M4: {
    name: "the newest invoice is credited, whatever it charged",
    check: "a credit note credits what its invoice did not charge",
    edits: [
      [
        "_billing.creditable_invoices",
        "i.charged desc, i.finalized_at desc",
        "i.finalized_at desc",
      ],
      [
        "_billing.creditable_invoices",
        "where x.kind = 'period' and x.period_start = target.period_start",
        "where false",
      ],
      ["_billing.credit_section", "'{true,false}'", "'{false}'"],
    ],
  },
  C2: tortured("months between two subscriptions billed", "outside service"),
  C3: tortured("months between an end and a return billed", "outside service"),
  forgotten: {
    name: "usage before a subscription ended is in no period",
    check: "used before the end is not billed",
    edits: [[
      "_billing.unopened_periods",
      "where exists (select from public.service_intervals s where s.client_id = p.client_id",
      "where exists (select from public.service_intervals s where s.client_id = p.client_id\n" +
      "    and (s.end_reason is null or s.end_reason not like 'subscription %')",
    ]],
  },
  credit: {
    name: "a period does not keep the promotional credit that it has used",
    check: "credit is not rated",
    edits: [
      ["_billing.promoted_kept", "where l.at_most > 0", "where false"],
      ["_billing.promoted_wants", "where b.kind = 'promotional_credit'", "where false"],
    ],
  },
};

/** Plants a fault, and returns a function that takes it out again. */
export async function plantInto(sql: Sql, fault: Fault): Promise<() => Promise<void>> {
  const routines = [...new Set(fault.edits.map(([routine]) => routine))];
  const sources = await Promise.all(routines.map(async (routine) => {
    const [row] = await sql<{ source: string }[]>`
      select pg_get_functiondef(${routine}::regproc) as source`;
    return row?.source ?? "";
  }));
  await plant(sql, fault);
  return async () => {
    for (const source of sources) await sql.unsafe(source);
  };
}
