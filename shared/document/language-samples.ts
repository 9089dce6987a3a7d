import { type Language, languageOf, LANGUAGES } from "../words/languages.ts";
import { acme } from "./samples.ts";
import type { DocumentLine, InvoiceDocument } from "./schema.ts";

/** A client of each language: its locale, and name and address in its own letters. */
const CLIENTS: Readonly<Record<Language, readonly [locale: string, name: string, ...string[]]>> = {
  en: ["en-IE", "Acme Robotics", "12 Foundry Lane", "Dublin", "Ireland"],
  de: ["de-DE", "Birke & Söhne GmbH", "Äußere Uferstraße 114", "86153 Augsburg", "Deutschland"],
  fr: ["fr-FR", "Société Générale des Œuvres", "25, rue de l’Échiquier", "75010 Paris", "France"],
  es: ["es-ES", "Compañía Ibérica", "Calle de Núñez de Balboa 14", "28001 Madrid", "España"],
  it: ["it-IT", "Officine Città di Forlì", "Via della Libertà 7", "47121 Forlì", "Italia"],
  nl: ["nl-NL", "Jansen Zeilmakerij", "Prins Hendrikkade 33", "1012 TM Amsterdam", "Nederland"],
  pt: ["pt-PT", "Construções São João", "Rua da Conceição 9", "1100-153 Lisboa", "Portugal"],
  ja: ["ja-JP", "株式会社高島屋", "東京都千代田区丸の内一丁目9番1号", "〒100-0005"],
  ar: ["ar-AE", "شركة الأفق للتقنية (ذ.م.م)", "شارع الشيخ زايد 14، الطابق 3", "دبي"],
};

const LINE: Omit<DocumentLine, "description" | "amount_minor"> = {
  kind: "usage",
  detail: null,
  period: null,
  agent: null,
  quantity: null,
  unit: null,
  unit_price: null,
  per: null,
  tiers: null,
};
const TOKENS = { unit: "tokens", per: "1000000" };

/** One of each line that the system writes, and one that a person has named. */
const LINES: readonly DocumentLine[] = [
  {
    ...LINE,
    ...TOKENS,
    description: "Claude Sonnet · input tokens",
    detail: "claude-sonnet-4-20250514",
    quantity: "10000000",
    unit_price: "3.00",
    amount_minor: 3000,
  },
  {
    ...LINE,
    ...TOKENS,
    description: "Claude Sonnet · batch long context output tokens",
    detail: "claude-sonnet-4-20250514",
    agent: "SCHOLAR",
    period: { start: "2026-06-10", end: "2026-06-21" },
    quantity: "4000000",
    unit_price: "7.50",
    amount_minor: 3000,
  },
  {
    ...LINE,
    ...TOKENS,
    description: "Claude Opus · reasoning tokens",
    detail: "claude-opus-4-20250514 · list $3.00 per 1M + 20 %",
    quantity: "3000000",
    amount_minor: 750,
    tiers: [
      { up_to: "1000000", unit_price: "3.00", flat_amount: "0" },
      { up_to: null, unit_price: "1.75", flat_amount: "1.00" },
    ],
  },
  {
    ...LINE,
    description: "Web searches",
    quantity: "500",
    unit: "searches",
    unit_price: "0.01",
    per: "1",
    amount_minor: 500,
  },
  {
    ...LINE,
    ...TOKENS,
    kind: "late_usage",
    description: "Late usage, May 2026 · Claude Sonnet · cache read tokens",
    period: { start: "2026-05-01", end: "2026-06-01" },
    quantity: "1000000",
    unit_price: "0.30",
    amount_minor: 30,
  },
  {
    ...LINE,
    kind: "minimum",
    description: "Minimum monthly charge",
    detail: "minimum EUR 100.00, 20 of 30 days",
    amount_minor: 167,
  },
  {
    ...LINE,
    kind: "one_off",
    description: "Onboarding workshop",
    quantity: "1",
    unit_price: "100",
    per: "1",
    amount_minor: 10000,
  },
];

/** The same invoice in a language: 174.47 less 7.45, with 31.73 tax, 55.00 of it paid before. */
export function sampleIn(language: Language): InvoiceDocument {
  const [locale, name, ...address] = CLIENTS[language];
  return {
    ...acme,
    ...(language === "en" ? {} : { language }),
    number: "INV-2026-000201",
    currency: "EUR",
    locale,
    period: { start: "2026-06-01", end: "2026-07-01", time_zone: "Europe/Berlin" },
    client: { ...acme.client, name, address, tax_id: "VAT 129 273 398" },
    lines: [...LINES],
    discounts: [{ description: "Discount 10 %", amount_minor: -745 }],
    taxes: [{
      name: "VAT",
      rate_percent: "19.00",
      behavior: "exclusive",
      base_minor: 16702,
      amount_minor: 3173,
      note: null,
    }],
    totals: {
      subtotal_minor: 17447,
      discount_minor: 745,
      tax_minor: 3173,
      tax_included_minor: 0,
      total_minor: 19875,
      balance_applied_minor: 5500,
      amount_due_minor: 14375,
    },
    credits: [{
      description: "Prepaid credit until 2026-12-31",
      amount_minor: 5000,
      left_minor: 2500,
    }],
    notes: [],
  };
}

/** The credit note of that invoice in a language. */
export function sampleNoteIn(language: Language): InvoiceDocument {
  return {
    ...sampleIn(language),
    kind: "credit_note",
    number: "INV-2026-000201-CN1",
    due_on: null,
    references: {
      invoice_number: "INV-2026-000201",
      replaces: null,
      reason: "Usage of June 2026 corrected",
    },
    lines: [{
      ...LINE,
      description: "Claude Sonnet · input tokens, June 2026",
      quantity: "-100000",
      amount_minor: 30,
    }],
    discounts: [],
    taxes: [],
    totals: {
      subtotal_minor: 30,
      discount_minor: 0,
      tax_minor: 0,
      tax_included_minor: 0,
      total_minor: 30,
      balance_applied_minor: 0,
      amount_due_minor: 0,
    },
    credits: [],
    agents: [],
    daily: [],
    payment_url: null,
  };
}

/** All languages, in the order of their list. */
export const ALL_LANGUAGES: readonly Language[] = Object.keys(LANGUAGES)
  .flatMap((code) => languageOf(code) ?? []);
