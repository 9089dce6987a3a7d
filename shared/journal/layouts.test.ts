import assert from "node:assert/strict";
import { DATEV_COLUMNS } from "./datev-columns.ts";
import { pairsOf } from "./datev.ts";
import { LAYOUTS } from "./layouts.ts";
import type { Journal, Movement } from "./movement.ts";

/** An invoice of 100.00 and 19 % tax, and its payment by Stripe: a book of two movements. */
const INVOICE: Movement = {
  id: "00000000-0000-8000-a000-0000000000a1",
  day: "2026-07-01",
  kind: "invoice",
  number: "INV-2026-000001",
  client: "Acme GmbH",
  entries: [
    { account: "earnings", processor: null, minor: -10000 },
    { account: "receivable", processor: null, minor: 11900 },
    { account: "tax_payable", processor: null, minor: -1900 },
  ],
};
const PAYMENT: Movement = {
  ...INVOICE,
  id: "11111111-2222-8333-a444-555555555555",
  day: "2026-07-31",
  kind: "payment",
  entries: [
    { account: "cash", processor: "stripe", minor: 11900 },
    { account: "receivable", processor: null, minor: -11900 },
  ],
};
const JOURNAL: Journal = {
  month: "2026-07",
  currency: "EUR",
  exponent: 2,
  codes: [
    { account: "earnings", processor: "", code: "8400", taxCode: "40" },
    { account: "receivable", processor: "", code: "1400", taxCode: null },
    { account: "tax_payable", processor: "", code: "1776", taxCode: null },
    { account: "cash", processor: "", code: "1200", taxCode: null },
    { account: "cash", processor: "stripe", code: "1361", taxCode: null },
  ],
  datev: { consultant: 29098, client: 55003, accountLength: 4, fiscalYearMonth: 10 },
  madeAt: new Date("2026-08-02T07:08:09.123Z"),
};

const words = (kind: string) => `INV-2026-000001 · ${kind} · Acme GmbH`;
const written = (layout: keyof typeof LAYOUTS, movements: readonly Movement[], of = JOURNAL) =>
  LAYOUTS[layout].head(of) + movements.map((one) => LAYOUTS[layout].lines(one, of)).join("");

Deno.test("DATEV: a head, 125 columns, and a line for each debit with its credit", () => {
  const [header = "", columns = "", ...lines] = written("datev", [INVOICE, PAYMENT]).split("\r\n");
  assert.equal(
    header,
    '\uFEFF"EXTF";700;21;"Buchungsstapel";13;20260802070809123;;"";"";"";29098;55003;20251001;4;' +
      '20260701;20260731;"Journal 2026-07 EUR";"";1;0;0;"EUR";;"";;;"";;;"";""',
  );
  assert.equal(header.split(";").length, 31);
  assert.equal(columns.split(";").length, 125);
  assert.equal(DATEV_COLUMNS.indexOf("Festschreibung"), 113);
  const rest = ";".repeat(111);
  assert.deepEqual(lines, [
    `100,00;"S";"EUR";;;;1400;8400;"40";0107;"INV-2026-000001";;;"${words("invoice")}"${rest}`,
    `19,00;"S";"EUR";;;;1400;1776;;0107;"INV-2026-000001";;;"${words("invoice")}"${rest}`,
    `119,00;"S";"EUR";;;;1361;1400;;3107;"INV-2026-000001";;;"${words("payment")}"${rest}`,
    "",
  ]);
});

Deno.test("DATEV: a movement of several debits and credits is split to the cent", () => {
  const entry = (account: string, minor: number) => ({ account, processor: null, minor });
  const entries = [entry("a", 70), entry("b", 50), entry("c", -100), entry("d", -20)];
  assert.deepEqual(
    pairsOf({ entries }).map(({ debit, credit, minor }) => [debit.account, credit.account, minor]),
    [["a", "c", 70], ["b", "c", 30], ["b", "d", 20]],
  );
});

Deno.test("DATEV: a use of credit pays with credit, and deducts the tax of its purchase", () => {
  const entry = (account: string, minor: number) => ({ account, processor: null, minor });
  const entries = [
    entry("advance_tax", -1000),
    entry("prepaid_credit", 6000),
    entry("receivable", -6000),
    entry("tax_payable", 1000),
  ];
  assert.deepEqual(
    pairsOf({ entries }).map(({ debit, credit, minor }) => [debit.account, credit.account, minor]),
    [["prepaid_credit", "receivable", 6000], ["tax_payable", "advance_tax", 1000]],
  );
});

Deno.test("DATEV: tax is paired with tax, also where all amounts are the same", () => {
  const entry = (account: string, minor: number) => ({ account, processor: null, minor });
  const paired = (...entries: ReturnType<typeof entry>[]) =>
    pairsOf({ entries }).map(({ debit, credit, minor }) => [debit.account, credit.account, minor]);
  // 0.01 of credit with 0.01 of tax in it.
  assert.deepEqual(
    paired(
      entry("advance_tax", -1),
      entry("prepaid_credit", 1),
      entry("receivable", -1),
      entry("tax_payable", 1),
    ),
    [["prepaid_credit", "receivable", 1], ["tax_payable", "advance_tax", 1]],
  );
  // It expires: what is not earned is tax.
  assert.deepEqual(
    paired(entry("advance_tax", -1), entry("prepaid_credit", 1)),
    [["prepaid_credit", "advance_tax", 1]],
  );
});

Deno.test("DATEV: what is not set or no number is told, not written", () => {
  const [earnings, ...others] = JOURNAL.codes;
  assert.ok(earnings !== undefined);
  assert.deepEqual(LAYOUTS.datev.problems(JOURNAL), []);
  assert.deepEqual(
    LAYOUTS.datev.problems({
      ...JOURNAL,
      exponent: 3,
      codes: [{ ...earnings, code: "Sales" }, ...others],
      datev: { ...JOURNAL.datev, consultant: null, client: null },
    }),
    [
      "DATEV takes amounts of two decimals",
      "billing_settings.datev_consultant is not set",
      "billing_settings.datev_client is not set",
      "account earnings has Sales, which is no number of 4 digits",
    ],
  );
  const yen = { ...JOURNAL, currency: "JPY", exponent: 0 } as const;
  assert.match(LAYOUTS.datev.lines(PAYMENT, yen), /^11900,00;"S";"JPY";/);
});

Deno.test("QuickBooks: lines of one number are an entry, debits and credits apart", () => {
  assert.equal(
    written("quickbooks", [INVOICE, PAYMENT]),
    [
      "Journal No.,Journal Date,Account Name,Debits,Credits,Description,Name",
      `0000000000008000a000,07/01/2026,8400,,100.00,${words("invoice")},Acme GmbH`,
      `0000000000008000a000,07/01/2026,1400,119.00,,${words("invoice")},Acme GmbH`,
      `0000000000008000a000,07/01/2026,1776,,19.00,${words("invoice")},Acme GmbH`,
      `1111111122228333a444,07/31/2026,1361,119.00,,${words("payment")},Acme GmbH`,
      `1111111122228333a444,07/31/2026,1400,,119.00,${words("payment")},Acme GmbH`,
      "",
    ].join("\r\n"),
  );
});

Deno.test("Xero: debits above zero, credits below, each line with a tax rate", () => {
  const codes = JOURNAL.codes.map((code) => ({ ...code, taxCode: "Tax Exempt" }));
  assert.equal(
    written("xero", [PAYMENT], { ...JOURNAL, codes }),
    [
      "*Narration,*Date,Description,*AccountCode,*TaxRate,*Amount,TrackingName1,TrackingOption1," +
      "TrackingName2,TrackingOption2",
      `${words("payment")} · 1111111122228333a444,31/07/2026,${
        words("payment")
      },1361,Tax Exempt,119.00,,,,`,
      `${words("payment")} · 1111111122228333a444,31/07/2026,${
        words("payment")
      },1400,Tax Exempt,-119.00,,,,`,
      "",
    ].join("\r\n"),
  );
  assert.deepEqual(LAYOUTS.xero.problems({ ...JOURNAL, codes }), []);
  assert.match(LAYOUTS.xero.problems(JOURNAL).join("\n"), /account receivable has no tax rate/);
});

Deno.test("no cell of a layout is a formula, whatever a client is called", () => {
  const evil = { ...INVOICE, number: null, kind: "=1+1", client: '=HYPERLINK("x";"y")' };
  for (const layout of ["quickbooks", "xero"] as const) {
    for (const cell of LAYOUTS[layout].lines(evil, JOURNAL).matchAll(/(^|,)"?=/g)) {
      assert.fail(`${layout}: ${cell}`);
    }
  }
  assert.match(
    LAYOUTS.datev.lines(evil, JOURNAL),
    /;"'=1\+1 · =HYPERLINK\(""x"";""y""\)";/,
    "an apostrophe before it, quotes doubled",
  );
});
