import type { DocumentDay, DocumentLine, InvoiceDocument } from "./schema.ts";

/**
 * Complete documents for tests and for looking at: what clients in several countries really get.
 * Totals are stated, not computed, so that they can be checked against the rendering.
 */

const USAGE: Omit<
  DocumentLine,
  "description" | "unit" | "quantity" | "unit_price" | "amount_minor"
> = {
  kind: "usage",
  detail: null,
  period: null,
  agent: null,
  per: "1000000",
  tiers: null,
};

/** Acme Robotics, June 2026: 125.00 USD. */
export const acme: InvoiceDocument = {
  version: 1,
  kind: "invoice",
  number: "INV-2026-000123",
  status: "open",
  currency: "USD",
  exponent: 2,
  issued_on: "2026-07-01",
  due_on: "2026-07-31",
  period: { start: "2026-06-01", end: "2026-07-01", time_zone: "UTC" },
  references: { invoice_number: null, replaces: null, reason: null },
  locale: "en-US",
  paper: "A4",
  seller: {
    name: "LeverEdge AI, Inc.",
    address: ["548 Market Street, Suite 200", "San Francisco, CA 94104", "United States"],
    email: "billing@leveredge.example",
    tax_id: "US 12-3456789",
    website: "leveredge.example",
    payment_instructions:
      "Bank transfer to LeverEdge AI, Inc.\nAccount 000123456789, routing 110000000\n" +
      "Please quote the invoice number.",
    footer: "LeverEdge AI, Inc. · Delaware file number 7654321",
  },
  client: {
    id: "0b8e6c1a-4d8f-4e61-9a53-1b7c52b3f1aa",
    name: "Acme Robotics",
    address: ["12 Foundry Lane", "Pittsburgh, PA 15222", "United States"],
    email: "ap@acme-robotics.example",
    tax_id: null,
    external_id: "PO-7781",
  },
  lines: [
    line("Claude Sonnet · input tokens", "claude-sonnet-4-20250514", "10000000", "3.00", 3000),
    line("Claude Sonnet · output tokens", "claude-sonnet-4-20250514", "4000000", "15.00", 6000),
    line("Claude Opus · input tokens", "claude-opus-4-20250514", "1000000", "15.00", 1500),
    line("Claude Opus · output tokens", "claude-opus-4-20250514", "200000", "75.00", 1500),
    {
      ...USAGE,
      description: "Web searches",
      quantity: "500",
      unit: "searches",
      unit_price: "0.01",
      per: "1",
      amount_minor: 500,
    },
  ],
  discounts: [],
  taxes: [],
  totals: totals({ subtotal_minor: 12500, total_minor: 12500, amount_due_minor: 12500 }),
  agents: [
    agent("SCHOLAR", "3120", "8200000", "3100000", "420", 9315),
    agent("CHIRON", "1040", "2800000", "1100000", "80", 3185),
  ],
  daily: june((day) => [0, 6].includes(new Date(`${day}T00:00:00Z`).getUTCDay()) ? 95 : 0, 12500),
  notes: ["Thank you for building with LeverEdge."],
  payment_terms_days: 30,
  payment_url: "https://pay.example/i/INV-2026-000123",
};

/** The minimum, a discount and German VAT, in euros and German. */
export const german: InvoiceDocument = {
  ...acme,
  number: "INV-2026-000124",
  currency: "EUR",
  locale: "de-DE",
  period: { start: "2026-06-01", end: "2026-07-01", time_zone: "Europe/Berlin" },
  client: {
    ...acme.client,
    name: "Birke & Söhne Präzisionswerkzeuge GmbH & Co. KG",
    address: ["Äußere Uferstraße 114", "86153 Augsburg", "Deutschland"],
    tax_id: "DE 129 273 398",
    external_id: null,
  },
  lines: [
    line("Claude Sonnet · input tokens", "claude-sonnet-4-20250514", "2000000", "3.00", 600),
    line("Claude Sonnet · output tokens", "claude-sonnet-4-20250514", "500000", "15.00", 750),
    plain("minimum", "Minimum for the month, less usage", 3650),
  ],
  discounts: [{ description: "Launch discount 10 %", amount_minor: -500 }],
  taxes: [{
    name: "VAT",
    rate_percent: "19.00",
    behavior: "exclusive",
    base_minor: 4500,
    amount_minor: 855,
    note: null,
  }],
  totals: totals({
    subtotal_minor: 5000,
    discount_minor: 500,
    tax_minor: 855,
    total_minor: 5355,
    balance_applied_minor: 355,
    amount_due_minor: 5000,
  }),
  agents: [],
};

/** A Japanese client in yen, tax included, already paid. */
export const japanese: InvoiceDocument = {
  ...acme,
  number: "INV-2026-000125",
  status: "paid",
  currency: "JPY",
  exponent: 0,
  locale: "ja-JP",
  period: { start: "2026-06-01", end: "2026-07-01", time_zone: "Asia/Tokyo" },
  client: {
    ...acme.client,
    name: "株式会社高島屋人工知能研究所",
    address: ["東京都千代田区丸の内一丁目9番1号", "丸の内セントラルビル18階", "〒100-0005"],
    email: null,
    external_id: null,
  },
  lines: [
    line("Claude Sonnet · 入力トークン", "claude-sonnet-4-20250514", "10000000", "450", 4500),
    line("Claude Sonnet · 出力トークン", "claude-sonnet-4-20250514", "4000000", "2250", 9000),
  ],
  taxes: [{
    name: "消費税",
    rate_percent: "10",
    behavior: "inclusive",
    base_minor: 12273,
    amount_minor: 1227,
    note: null,
  }],
  totals: totals({
    subtotal_minor: 13500,
    tax_included_minor: 1227,
    total_minor: 13500,
    amount_due_minor: 0,
  }),
  agents: [agent("SCHOLAR", "4160", "10000000", "4000000", "0", 13500)],
  daily: june(() => 450, 13500),
  notes: ["ご利用ありがとうございます。"],
  payment_url: null,
};

/** A Greek client under the reverse charge, priced in steps, on Letter paper. */
export const greek: InvoiceDocument = {
  ...acme,
  number: "INV-2026-000126",
  currency: "EUR",
  locale: "el-GR",
  paper: "Letter",
  client: {
    ...acme.client,
    name: "Ελληνική Ρομποτική Α.Ε.",
    address: ["Λεωφόρος Βασιλίσσης Σοφίας 25", "106 74 Αθήνα", "Ελλάδα"],
    tax_id: "EL 094019245",
    external_id: null,
  },
  lines: [{
    ...line("Claude Sonnet · input tokens", "claude-sonnet-4-20250514", "3000000", "2.5", 750),
    unit_price: null,
    tiers: [
      { up_to: "1000000", unit_price: "3.00", flat_amount: "0" },
      { up_to: null, unit_price: "1.75", flat_amount: "1.00" },
    ],
  }],
  taxes: [{
    name: "VAT",
    rate_percent: "0",
    behavior: "reverse_charge",
    base_minor: 750,
    amount_minor: 0,
    note:
      "Reverse charge: VAT is to be accounted for by the recipient (Article 196, Directive 2006/112/EC).",
  }],
  totals: totals({ subtotal_minor: 750, total_minor: 750, amount_due_minor: 750 }),
  agents: [],
  daily: june(() => 25, 750),
};

/** An Arabic client, in Kuwaiti dinars with three decimals: still a draft. */
export const arabic: InvoiceDocument = {
  ...acme,
  number: null,
  status: "draft",
  currency: "KWD",
  exponent: 3,
  issued_on: null,
  due_on: null,
  locale: "ar-KW",
  client: {
    ...acme.client,
    name: "شركة الأفق للتقنية (ذ.م.م) 2026",
    address: ["شارع فهد السالم 14، الطابق 3", "مدينة الكويت", 'חברת אופק בע"מ, רחוב הרצל 7'],
    external_id: null,
  },
  lines: [line("Claude Sonnet · input tokens", null, "10000000", "0.9225", 9225)],
  totals: totals({ subtotal_minor: 9225, total_minor: 9225, amount_due_minor: 9225 }),
  agents: [],
  daily: [],
  payment_url: null,
};

/** A credit note against Acme's invoice. */
export const creditNote: InvoiceDocument = {
  ...acme,
  kind: "credit_note",
  number: "INV-2026-000123-CN1",
  due_on: null,
  references: {
    invoice_number: "INV-2026-000123",
    replaces: null,
    reason: "Searches were counted twice on 14 June",
  },
  lines: [plain("late_usage", "Web searches billed twice", -120)],
  totals: totals({ subtotal_minor: -120, total_minor: -120 }),
  agents: [],
  daily: [],
  notes: [],
  payment_url: null,
};

/** 60.00 were paid ahead with 10.00 of tax; the invoice of 120.00 with 20.00 deducts both. */
export const advance: InvoiceDocument = {
  ...acme,
  number: "INV-2026-000128",
  lines: [line("Claude Sonnet · output tokens", null, "6666666", "15.00", 10000)],
  taxes: [{
    name: "VAT",
    rate_percent: "20",
    behavior: "exclusive",
    base_minor: 10000,
    amount_minor: 2000,
    note: null,
  }],
  credits: [{
    description: "Prepaid credit",
    amount_minor: 6000,
    left_minor: 0,
    advance: {
      invoice_number: "INV-2026-000122",
      tax_minor: 1000,
      taxes: [{ name: "VAT", rate_percent: "20", amount_minor: 1000 }],
    },
  }],
  totals: totals({
    subtotal_minor: 10000,
    tax_minor: 2000,
    total_minor: 12000,
    balance_applied_minor: 6000,
    amount_due_minor: 6000,
  }),
  agents: [],
  daily: [],
};

/** Two hundred lines: several pages. */
export const long: InvoiceDocument = {
  ...acme,
  number: "INV-2026-000127",
  lines: Array.from({ length: 200 }, (_, index) => ({
    ...line("Claude Sonnet · input tokens", "claude-sonnet-4-20250514", "1000000", "3.00", 300),
    agent: `AGENT_${String(index + 1).padStart(3, "0")}`,
    period: { start: "2026-06-10", end: "2026-06-21" },
  })),
  totals: totals({ subtotal_minor: 60000, total_minor: 60000, amount_due_minor: 60000 }),
};

function line(
  description: string,
  detail: string | null,
  quantity: string,
  unit_price: string,
  amount_minor: number,
): DocumentLine {
  return { ...USAGE, description, detail, quantity, unit: "tokens", unit_price, amount_minor };
}

function plain(kind: string, description: string, amount_minor: number): DocumentLine {
  return {
    ...USAGE,
    kind,
    description,
    quantity: null,
    unit: null,
    unit_price: null,
    per: null,
    amount_minor,
  };
}

function totals(stated: Partial<InvoiceDocument["totals"]>): InvoiceDocument["totals"] {
  return {
    subtotal_minor: 0,
    discount_minor: 0,
    tax_minor: 0,
    tax_included_minor: 0,
    total_minor: 0,
    balance_applied_minor: 0,
    amount_due_minor: 0,
    ...stated,
  };
}

function agent(
  name: string,
  requests: string,
  input_tokens: string,
  output_tokens: string,
  other_units: string,
  amount_minor: number,
): InvoiceDocument["agents"][number] {
  return { agent: name, requests, input_tokens, output_tokens, other_units, amount_minor };
}

/** Thirty days that sum to `total`; `weight` fixes some of them, the others share the rest. */
function june(weight: (day: string) => number, total: number): DocumentDay[] {
  const days = Array.from({ length: 30 }, (_, i) => `2026-06-${String(i + 1).padStart(2, "0")}`);
  const open = days.filter((day) => weight(day) === 0);
  const left = total - days.reduce((sum, day) => sum + weight(day), 0);
  return days.map((day) => {
    const index = open.indexOf(day);
    const share = Math.floor((left * (2 * index + 6)) / (open.length * (open.length + 5)));
    const used = index < 0 ? weight(day) : share;
    return { day, amount_minor: used, tokens: String(used * 12_000) };
  });
}
