import type { Planted } from "./planted.ts";

const SCHEMAS = "supabase/schemas";
const RATING = `${SCHEMAS}/40_rating`;
const INVOICING = `${SCHEMAS}/50_invoicing`;
const NOTES = `${INVOICING}/credit_notes`;

/** What amounts, credit notes, lines and what is carried to Stripe got wrong. */
export const PAPER: readonly Planted[] = [
  {
    finding: "C22",
    fault: "a small invoice stays with a carrier that is void",
    edits: [[
      `${SCHEMAS}/70_stripe/sending.sql`,
      "m.state not in ('void', 'deleted', 'refused', 'paid')",
      "m.state not in ('deleted', 'refused', 'paid')",
    ]],
    test: "pgtap 70_stripe/sending-carried-money: void there too, another can take it along",
  },
  {
    finding: "C23",
    fault: "a credit note that is issued meanwhile passes for sent",
    edits: [[
      `${SCHEMAS}/70_stripe/sending.sql`,
      "save_stripe_carried.invoice_id and n.id = any (credit_note_ids)",
      "save_stripe_carried.invoice_id",
    ]],
    test: "pgtap 70_stripe/sending-steps: a credit note that was issued after the amount was read",
  },
  {
    finding: "C24",
    fault: "of two events in one second the last that comes holds",
    edits: [[
      `${SCHEMAS}/70_stripe/customers.sql`,
      "or s.changed_at = seen\n        and (changed",
      "or false\n        and (changed",
    ]],
    test: "pgtap 70_stripe/books: of two changes in one second the one that began",
  },
  {
    finding: "C26",
    fault: "tax of a cent makes the net of a note less than nothing",
    edits: [[
      `${NOTES}/taxes.sql`,
      "case when w.tax_behavior = 'exclusive' then least(",
      "case when false then least(",
    ]],
    test: "pgtap 50_invoicing/credit-notes-lines: the net of a note does not go below zero",
  },
  {
    finding: "M1",
    fault: "a line of late usage, with an overcharge set off, is cast to an item",
    edits: [
      [
        `${INVOICING}/finalize.sql`,
        "l.kind = 'one_off' and l.section_start is not null",
        "(l.kind = 'one_off' or l.is_late) and l.section_start is not null",
      ],
      [
        `${INVOICING}/finalize.sql`,
        "select _billing.item_of(l.rating_key) as id",
        "select substr(l.rating_key, 6)::uuid as id",
      ],
      [
        `${INVOICING}/finalize.sql`,
        "and _billing.item_of(l.rating_key) is not null",
        "and substr(l.rating_key, 6)::uuid is not null",
      ],
    ],
    test:
      "pgtap 50_invoicing/credit-notes-carried-overcharge: the 3.00 are set off against the 9.00",
  },
  {
    finding: "M2",
    fault: "negated counts are cut to their whole as others are",
    edits: [[
      `${SCHEMAS}/20_usage/token_counts.sql`,
      "then greatest(part, whole) else 0 end;",
      "then greatest(part, whole) else least(part, whole) end;",
    ]],
    test: "pgtap 20_usage/corrections-mirrored: of retracted logs nothing is left",
  },
  {
    finding: "M3",
    fault: "a short period is charged a whole minimum",
    edits: [[
      `${INVOICING}/periods.sql`,
      "billing.full_days(p.period_start, p.period_end, p.billing_anchor_day)",
      "p.period_end - p.period_start",
    ]],
    test: "cases calendar: a short period before the first is part of a whole anchor month",
  },
  {
    finding: "M4",
    fault: "an invoice is credited for lines that it did not charge",
    edits: [[
      `${NOTES}/taken.sql`,
      "if ends and rest <= room or not own then",
      "if true then",
    ]],
    test:
      "pgtap 50_invoicing/credit-notes-lines: searches are credited on the invoice that charged",
  },
  {
    finding: "M5",
    fault: "a draft within its grace is a violation",
    edits: [[
      `${SCHEMAS}/90_operations/invariants/periods.sql`,
      "and i.period_start = p.period_start and i.status <> 'void')",
      "and i.period_start = p.period_start and i.status not in ('void', 'draft'))",
    ]],
    test: "pgtap 90_operations/invariants-quiet: a draft within its grace is no fault",
  },
  {
    finding: "M6",
    fault: "late usage goes on the invoice of a period before it",
    edits: [[
      `${INVOICING}/drafts/target_invoices.sql`,
      "where o.client_id = t.client_id and o.period_start > t.period_start",
      "where o.client_id = t.client_id and o.period_start <> t.period_start",
    ]],
    test: "pgtap 50_invoicing/late-usage-empty-home: June that is billed anew charges June alone",
  },
  {
    finding: "M7",
    fault: "lines are known by the first day that was served",
    edits: [[
      `${RATING}/rate_usage.sql`,
      "concat_ws('|', p.rating_key, p.price_start, p.agent)",
      "concat_ws('|', p.rating_key, p.segment_start, p.agent)",
    ]],
    test: "pgtap 50_invoicing/document-paper: a start that is moved back changes no line",
  },
  {
    finding: "M8",
    fault: "a month that is billed anew calls its own lines late",
    edits: [[
      `${RATING}/deltas.sql`,
      "case when (d.client_id, d.section_start) in (select o.client_id, o.period_start from issued o)",
      "case when d.is_late",
    ]],
    test: "pgtap 50_invoicing/document-paper: a month that is billed anew has its own lines",
  },
  {
    finding: "M9",
    fault: "the bound of amounts is not told",
    edits: [[
      `${RATING}/blocked_targets.sql`,
      "come to %s, and 900000000000000 (9e14) is the most '",
      "come to %s, and there is a most '",
    ]],
    test: "pgtap 50_invoicing/runs-bad-clients: an amount that is too large is told with the bound",
  },
  {
    finding: "M10",
    fault: "a period that is rated below zero credits nothing",
    edits: [[
      `${INVOICING}/closing.sql`,
      "_billing.overcharged_targets(\n    charged || credited)",
      "_billing.overcharged_targets(\n    credited)",
    ]],
    test:
      "cases voids: a voided period that turns out smaller than its late lines is credited there",
  },
  {
    finding: "M11",
    fault: "taxes within and on top of an amount have bases a cent apart",
    edits: [[
      `${RATING}/discounts_and_taxes.sql`,
      "case when x.contains_tax then sign(x.base)",
      "case when x.behavior = 'inclusive' then sign(x.base)",
    ]],
    test: "pgtap 50_invoicing/document-paper: taxes of the same lines have the same base",
  },
];
