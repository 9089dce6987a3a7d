import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import postgres from "postgres";
import { z } from "zod";
import { createClientRoute, updateClient } from "../../../shared/api/clients.ts";
import { billingClient } from "../../../shared/client/billing-client.ts";
import { InvoiceDocument } from "../../../shared/document/schema.ts";
import { type InvoiceView, invoiceView } from "../../../shared/document/view.ts";
import { InvoiceFacts } from "../../../shared/stripe/facts.ts";
import { planInvoice } from "../../../shared/stripe/plan.ts";
import { LANGUAGES } from "../../../shared/words/languages.ts";
import { platform } from "../support/platform-env.ts";

const sql = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });
const billing = billingClient(createClient(platform.apiUrl, platform.secretKey));

Deno.test("the database names the languages that the dictionary has, but English", async () => {
  const tags = [...Object.keys(LANGUAGES), "sv", "zh", "ko"];
  const rows = await sql<{ tag: string; language: string | null }[]>`
    select t.tag, _billing.document_language(t.tag) ->> 'language' as language
    from unnest(${tags}::text[]) t(tag)`;
  const named = rows.flatMap(({ language }) => language ?? []);
  deepStrictEqual(named, Object.keys(LANGUAGES).filter((code) => code !== "en"));
});

/** A client with usage of June, some of it late, a minimum, a discount, a tax and a top-up. */
async function invoicedClient(): Promise<string> {
  const { data } = await billing(createClientRoute, {
    body: { name: "Birke GmbH", locale: "de-AT", started_on: "2026-06-01" },
  });
  const id = data?.id ?? "";
  await sql`
    insert into public.billing_config (client_id, minimum_minor, discount_percent, taxes)
    values (${id}, 100000, 10,
      '[{"name": "USt", "rate_percent": "20", "behavior": "exclusive"}]')`;
  const log = (day: string, metadata: Record<string, number>) =>
    sql`
      insert into public.agent_usage_logs (agent, model, input_tokens, output_tokens, client_id,
        "timestamp", metadata)
      values (${`agent ${id}`}, 'claude-sonnet', 1000000, 1000000, ${id},
        ${`${day}T12:00:00Z`}, ${sql.json(metadata)})`;
  await log("2026-06-10", { web_searches: 3 });
  await sql`select billing.generate_invoice(${id}, '2026-06-01')`;
  await log("2026-06-11", {});
  await log("2026-07-11", {});
  await sql`select billing.generate_invoice(${id}, '2026-07-01')`;
  await sql`select billing.issue_credit_note((select i.id from public.invoices i
    where i.client_id = ${id} order by i.period_start limit 1), 'Kulanz', 100)`;
  await sql`select billing.request_top_up(${id}, 5000)`;
  return id;
}

async function viewsOf(clientId: string): Promise<InvoiceView[]> {
  const rows = await sql`
    select d.document from (
      select i.document, i.number from public.invoices i
      where i.client_id = ${clientId} and i.status <> 'draft'
      union all
      select n.document, n.number from public.credit_notes n
      where n.client_id = ${clientId}
    ) d order by d.number`;
  return z.array(z.object({ document: InvoiceDocument })).parse(rows)
    .map(({ document }) => invoiceView(document));
}

Deno.test("texts that SQL writes on lines are said in the client's language", async () => {
  const id = await invoicedClient();
  const views = await viewsOf(id);
  const said = views.flatMap(({ lines, totals, remarks }) => [
    ...lines.flatMap(({ description, details, unit }) => [description, ...details, unit]),
    ...totals.map(({ label }) => label),
    ...remarks.map(({ title }) => title),
  ]).join("\n").replaceAll("\u00a0", " ");
  for (
    const text of [
      "Claude Sonnet · Eingabe-Tokens",
      "Claude Sonnet · Ausgabe-Tokens",
      "Nachgereichte Nutzung, Juni 2026 · Claude Sonnet · Eingabe-Tokens",
      "Monatlicher Mindestbetrag",
      "Mindestbetrag 1.000,00 US$",
      "Rabatt 10 %",
      "USt 20% auf ",
      "Gutschrift zu Rechnung INV-",
      "Vorausbezahltes Guthaben",
    ]
  ) ok(said.includes(text), `${text} is not in:\n${said}`);
  const own = said.replaceAll(/Claude \w+|claude-\S+|Agent .*/g, "");
  const english = /\b(tokens? of|input|output|usage|search|late|minimum|discount|credit|days)\b/;
  strictEqual(english.exec(own), null, own);
});

Deno.test("texts of those invoices for Stripe say the same as their documents", async () => {
  const id = await invoicedClient();
  const rows = await sql<{ facts: unknown }[]>`
    select _billing.stripe_invoice_facts(i.id, false) as facts from public.invoices i
    where i.client_id = ${id} and i.status = 'open' order by i.created_at`;
  const sent = rows.flatMap(({ facts }) => {
    const plan = planInvoice(InvoiceFacts.parse(facts), new Date("2026-08-01T00:00:00Z"));
    return plan.kind === "collect"
      ? [plan.description, ...plan.lines.map(({ description }) => description)]
      : [];
  }).join("\n").replaceAll("\u00a0", " ");
  for (
    const text of [
      "für 01.06.2026 – 30.06.2026",
      "Claude Sonnet · Eingabe-Tokens",
      "Nachgereichte Nutzung, Juni 2026 · ",
      "Monatlicher Mindestbetrag",
      "Rabatt 10 %",
      "Vorausbezahltes Guthaben",
    ]
  ) ok(sent.includes(text), `${text} is not in:\n${sent}`);
  const own = sent.replaceAll(/Claude \w+|claude-\S+|Agent .*/g, "");
  const english = /\b(tokens? of|input|output|usage|late|minimum|discount|credit|until|carried)\b/i;
  strictEqual(english.exec(own), null, own);
});

Deno.test("an issued invoice keeps its language when the client's is changed", async () => {
  const id = await invoicedClient();
  const render = async (invoiceId: string) => {
    const response = await fetch(
      `${platform.apiUrl}/functions/v1/render-invoice?format=html&invoice_id=${invoiceId}`,
      { headers: { apikey: platform.secretKey } },
    );
    strictEqual(response.status, 200);
    return z.object({ html: z.string() }).parse(await response.json()).html;
  };
  const [first] = await sql<{ id: string }[]>`
    select i.id from public.invoices i where i.client_id = ${id} order by i.period_start limit 1`;
  const before = await render(first?.id ?? "");
  match(before, /<html lang="de" dir="ltr">/);
  const { data } = await billing(updateClient, {
    params: { client_id: id },
    body: { locale: "ar-AE" },
  });
  strictEqual(data?.locale, "ar-AE");
  strictEqual(await render(first?.id ?? ""), before);
  await sql`select billing.request_top_up(${id}, 7000)`;
  const [next] = await sql<{ id: string }[]>`
    select i.id from public.invoices i where i.client_id = ${id} and i.total_minor = 7000`;
  match(await render(next?.id ?? ""), /<html lang="ar" dir="rtl">/);
});
