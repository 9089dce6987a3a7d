import assert from "node:assert/strict";
import { customerDetails, customerTaxId } from "./customer.ts";
import { InvoiceFacts } from "./facts.ts";
import { planInvoice } from "./plan.ts";

const NOW = new Date("2026-07-01T09:00:00Z");
const ID = "0b8e6c1a-4d8f-4e61-9a53-1b7c52b3f1aa";

interface Changes {
  readonly invoice?: object;
  readonly held?: object[];
  readonly lines?: object[];
  readonly methods?: unknown;
}

const line = (position: number, amount_minor: number, kind = "usage") => ({
  position,
  kind,
  description: `Line ${position}`,
  detail: null,
  service_start: "2026-06-01",
  service_end: "2026-07-01",
  amount_minor,
});

function facts(
  { invoice = {}, held = [], lines = [line(1, 5000)], methods = null }: Changes = {},
): InvoiceFacts {
  return InvoiceFacts.parse({
    invoice: {
      id: ID,
      number: "INV-2026-000001",
      status: "open",
      currency: "USD",
      total_minor: 5000,
      balance_applied_minor: 0,
      credited_minor: 0,
      paid_minor: 0,
      amount_due_minor: 5000,
      period_start: "2026-06-01",
      period_end: "2026-07-01",
      due_on: "2026-07-31",
      locale: "en-IE",
      ...invoice,
    },
    exponent: 2,
    client: {
      id: ID,
      name: "Acme",
      email: "a@acme.test",
      address: ["Acme Ltd", "1 Road", "Dublin"],
      postal_address: null,
      tax_exempt: "none",
      tax_id: null,
      tax_id_type: null,
      locale: "en-IE",
      external_id: null,
      collection_method: "send_invoice",
      mailed_by: "us",
      stripe_customer_id: null,
      sent_digest: null,
      stripe_tax_id: null,
      made_at: 1_782_864_000,
      deleted: false,
    },
    payment_methods: methods,
    mirror: null,
    held,
    credit_notes: [],
    lines,
  });
}

/** The amounts that would be sent; throws when nothing would. */
function amounts(changes: Changes): number[] {
  const plan = planInvoice(facts(changes), NOW);
  assert.equal(plan.kind, "collect", JSON.stringify(plan));
  if (plan.kind !== "collect") return [];
  const sent = plan.lines.map(({ amount }) => amount);
  assert.equal(sent.reduce((sum, amount) => sum + amount, 0), plan.total);
  return sent;
}

Deno.test("discount, tax, balance and earlier credits are lines that sum to what is due", () => {
  const sent = amounts({
    invoice: {
      total_minor: 5400,
      balance_applied_minor: 400,
      credited_minor: 300,
      amount_due_minor: 4700,
    },
    lines: [line(1, 5000), line(2, -500, "discount"), line(3, 900, "tax")],
  });
  assert.deepEqual(sent, [5000, -500, 900, -400, -300]);
});

Deno.test("promotional credit is a line before tax, and nothing is sent where it covers all", () => {
  const lines = [line(1, 5000), line(2, -2000, "promotional_credit"), line(3, 600, "tax")];
  const invoice = { total_minor: 3600, amount_due_minor: 3600 };
  assert.deepEqual(amounts({ invoice, lines }), [5000, -2000, 600]);
  // Two of its lines reduce other charges of the same period.
  const parts = [line(2, -1500, "promotional_credit"), line(3, -500, "promotional_credit")]
    .map((part) => ({ ...part, description: "Promotional credit" }));
  const split = [line(1, 5000), ...parts, line(4, 600, "tax")];
  assert.deepEqual(amounts({ invoice, lines: split }), [5000, -2000, 600]);
  const nothing = { total_minor: 0, amount_due_minor: 0 };
  assert.equal(planInvoice(facts({ invoice: nothing, lines }), NOW).kind, "skip");
});

Deno.test("less than Stripe takes is held; with what was held before it is collected", () => {
  const small = { total_minor: 49, amount_due_minor: 49 };
  const held = [{ invoice_id: ID, number: "INV-2026-000000", amount_minor: 1 }];
  assert.equal(planInvoice(facts({ invoice: small, lines: [line(1, 49)] }), NOW).kind, "hold");
  assert.deepEqual(amounts({ invoice: small, lines: [line(1, 49)], held }), [49, 1]);
  const exact = { total_minor: 50, amount_due_minor: 50 };
  assert.deepEqual(amounts({ invoice: exact, lines: [line(1, 50)] }), [50]);
});

Deno.test("zero-decimal amounts go as they are, the krona in hundredths, thousandths in tens", () => {
  const of = (currency: string, minor: number) => ({
    invoice: { currency, total_minor: minor, amount_due_minor: minor },
    lines: [line(1, minor)],
  });
  assert.deepEqual(amounts(of("JPY", 12_106)), [12_106]);
  assert.deepEqual(amounts(of("ISK", 4100)), [410_000]);
  assert.deepEqual(amounts(of("KWD", 15_120)), [15_120]);
});

Deno.test("thousandths beyond a ten are left for the next invoice", () => {
  const kwd = (minor: number, held: object[] = []) => ({
    invoice: { currency: "KWD", total_minor: minor, amount_due_minor: minor },
    lines: [line(1, minor)],
    held,
  });
  assert.deepEqual(amounts(kwd(15_125)), [15_125, -5]);
  const plan = planInvoice(facts(kwd(15_125)), NOW);
  assert.equal(plan.kind === "collect" && plan.leftOver, 5);
  const held = [{ invoice_id: ID, number: "INV-2026-000000", amount_minor: 5 }];
  assert.deepEqual(amounts(kwd(15_125, held)), [15_125, 5]);
  assert.equal(planInvoice(facts(kwd(9)), NOW).kind, "hold");
});

Deno.test("more than Stripe's largest amount is refused, with what to do", () => {
  const of = (currency: string, minor: number) =>
    planInvoice(
      facts({
        invoice: { currency, total_minor: minor, amount_due_minor: minor },
        lines: [line(1, minor)],
      }),
      NOW,
    );
  assert.equal(of("USD", 99_999_999).kind, "collect");
  const refused = of("USD", 100_000_000);
  assert.equal(refused.kind, "refuse");
  assert.match(refused.kind === "refuse" ? refused.reason : "", /largest .* 99999999.*by bank/);
  assert.equal(of("INR", 100_000_000).kind, "collect");
  assert.equal(of("ISK", 1_000_000).kind, "refuse");
});

Deno.test("more than 250 lines are summed by description, then by kind, tax and discount apart", () => {
  const many = Array.from({ length: 300 }, (_, n) => ({
    ...line(n + 1, 10),
    description: `Tokens ${n % 2}`,
    detail: `AGENT ${n}`,
  }));
  const all = [...many, line(301, -500, "discount"), line(302, 500, "tax")];
  const due = { total_minor: 3000, amount_due_minor: 3000 };
  assert.deepEqual(amounts({ invoice: due, lines: all }), [1500, 1500, -500, 500]);
  const distinct = all.map((one) =>
    one.kind === "usage" ? { ...one, description: `Tokens ${one.position}` } : one
  );
  assert.deepEqual(amounts({ invoice: due, lines: distinct }), [3000, -500, 500]);
});

Deno.test("a text that Stripe does not take whole is cut between two characters", () => {
  const long = { ...line(1, 5000), description: `${"x".repeat(499)}😀 and more` };
  const plan = planInvoice(facts({ lines: [long] }), NOW);
  const sent = plan.kind === "collect" ? plan.lines.map(({ description }) => description) : [];
  assert.deepEqual(sent, ["x".repeat(499)]);
});

Deno.test("texts for Stripe are in the client's language; names that people gave stay", () => {
  const lines = [
    { ...line(1, 6000), description: "Claude Sonnet · input tokens, June 2026" },
    { ...line(2, -500, "discount"), description: "Discount 10 %" },
    { ...line(3, 900, "tax"), description: "USt. 19 %" },
    { ...line(4, 100, "one_off"), description: "Discount" },
  ];
  const invoice = {
    balance_applied_minor: 400,
    paid_minor: 300,
    amount_due_minor: 5800,
    locale: "de-AT",
    language: "de",
  };
  const held = [{ invoice_id: ID, number: "INV-2026-000000", amount_minor: 1 }];
  const texts = (changes: object) => {
    const plan = planInvoice(facts({ lines, held, invoice: { ...invoice, ...changes } }), NOW);
    return plan.kind === "collect"
      ? [plan.description, ...plan.lines.map(({ description }) => description)]
      : [plan.reason];
  };
  assert.deepEqual(texts({}), [
    "Rechnung INV-2026-000001 für 01.06.2026 – 30.06.2026",
    "Claude Sonnet · Eingabe-Tokens, Juni 2026",
    "Rabatt 10 %",
    "USt. 19 %",
    "Discount",
    "Verrechnetes Guthaben",
    "Bereits gutgeschrieben oder bezahlt",
    "Übertrag aus Rechnung INV-2026-000000",
  ]);
  // Stripe's pages know no marks of direction.
  assert(!/[\u2066-\u2069]/.test(texts({ locale: "ar", language: "ar" }).join("")));
  assert.equal(texts({ language: undefined })[2], "Discount 10 %");
});

Deno.test("a void, paid or not due invoice is left out, a draft is refused", () => {
  const kind = (invoice: object) => planInvoice(facts({ invoice }), NOW).kind;
  assert.equal(kind({ status: "void" }), "skip");
  assert.equal(kind({ status: "paid", amount_due_minor: 0 }), "skip");
  assert.equal(kind({ status: "open", amount_due_minor: 0 }), "skip");
  assert.equal(kind({ status: "draft", number: null }), "refuse");
});

Deno.test("the due day is the end of our due day, and absent when it is over", () => {
  const dueAt = (due_on: string) => {
    const plan = planInvoice(facts({ invoice: { due_on } }), NOW);
    return plan.kind === "collect" ? plan.dueAt : "none";
  };
  assert.equal(dueAt("2026-07-31"), Date.parse("2026-07-31T23:59:59Z") / 1000);
  assert.equal(dueAt("2026-06-30"), undefined);
});

Deno.test("a customer carries the client's id; tax ids are sent when their kind is known", () => {
  const { client } = facts();
  assert.deepEqual(customerDetails(client), {
    name: "Acme",
    email: "a@acme.test",
    address: { line1: "Acme Ltd", line2: "1 Road\nDublin" },
    tax_exempt: "none",
    preferred_locales: ["en-IE"],
    metadata: { leveredge_client_id: ID },
  });
  const postal_address = { line1: "1 Road", city: "Dublin", postal_code: "D02", country: "IE" };
  const { address, tax_exempt } = customerDetails({
    ...client,
    postal_address,
    tax_exempt: "reverse",
  });
  assert.deepEqual([address, tax_exempt], [postal_address, "reverse"]);
  const taxId = (tax_id: string, tax_id_type: string | null = null) =>
    customerTaxId({ ...client, tax_id, tax_id_type });
  assert.deepEqual(taxId("IE 6388047 V"), { type: "eu_vat", value: "IE6388047V" });
  assert.deepEqual(taxId("GB 123456789"), { type: "gb_vat", value: "GB123456789" });
  assert.deepEqual(taxId("12-3456789", "us_ein"), { type: "us_ein", value: "12-3456789" });
  assert.equal(taxId("12-3456789"), undefined);
});

Deno.test("an invoice offers the payment methods of its client, bank transfers with their kind", () => {
  const plan = (methods: unknown) => {
    const planned = planInvoice(facts({ methods }), NOW);
    return planned.kind === "collect" ? planned.payment : planned;
  };
  const plain = { bank_transfer_type: null, country: null };
  assert.equal(plan(null), null);
  assert.deepEqual(plan([{ method: "card", ...plain }, { method: "us_bank_account", ...plain }]), {
    payment_method_types: ["card", "us_bank_account"],
  });
  const transfer = { method: "customer_balance", bank_transfer_type: "eu_bank_transfer" };
  assert.deepEqual(plan([{ ...transfer, country: "IE" }]), {
    payment_method_types: ["customer_balance"],
    payment_method_options: {
      customer_balance: {
        funding_type: "bank_transfer",
        bank_transfer: { type: "eu_bank_transfer", eu_bank_transfer: { country: "IE" } },
      },
    },
  });
  assert.deepEqual(
    plan([{ ...transfer, bank_transfer_type: "us_bank_transfer", country: null }]),
    {
      payment_method_types: ["customer_balance"],
      payment_method_options: {
        customer_balance: {
          funding_type: "bank_transfer",
          bank_transfer: { type: "us_bank_transfer" },
        },
      },
    },
  );
  assert.deepEqual(plan([]), {
    kind: "refuse",
    reason: "none of the client's payment methods is for USD: see stripe_terms.payment_methods",
  });
});
