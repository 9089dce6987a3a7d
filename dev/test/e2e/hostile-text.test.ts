import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import postgres from "postgres";
import { extractText, getDocumentProxy } from "unpdf";
import { createClientRoute, getClient } from "../../../shared/api/clients.ts";
import { generateInvoice, listInvoices } from "../../../shared/api/invoices.ts";
import { billingClient } from "../../../shared/client/billing-client.ts";
import { NAMES } from "../fuzz/requests.ts";
import { platform } from "../support/platform-env.ts";

const sql = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });
const billing = billingClient(createClient(platform.apiUrl, platform.secretKey));
const HTML = "<script>alert('x')</script><img src=x onerror=alert(1)>";
const SQL = "Robert'); drop table public.clients; --";

/** A direction character: no name that is given has one. */
const TURNED = /\u202e/;

Deno.test("hostile text in every field of a client comes back as the text it is", async () => {
  for (const name of NAMES.filter((name) => !TURNED.test(name))) {
    const body = {
      name,
      external_id: `${crypto.randomUUID()} ${name}`.slice(0, 200),
      address: [name, HTML],
      tax_id: name.slice(0, 50),
      metadata: { [`key ${name}`]: [name, HTML] },
    };
    const made = await billing(createClientRoute, { body });
    strictEqual(made.error, null, name);
    const read = await billing(getClient, { params: { client_id: made.data?.id ?? "" } });
    const { external_id, address, tax_id, metadata } = read.data ?? {};
    deepStrictEqual({ name: read.data?.name, external_id, address, tax_id, metadata }, body);
  }
  for (const name of NAMES.filter((name) => TURNED.test(name))) {
    const refused = await billing(createClientRoute, { body: { name } });
    strictEqual(refused.error?.code, "bad_request", "a name that turns text around is refused");
  }
  // Every endpoint that filters by text takes it as text.
  strictEqual((await billing(listInvoices, { query: { number: SQL } })).data?.data.length, 0);
});

Deno.test("SQL and HTML in names are text on the invoice: in JSON, in HTML, in the PDF", async () => {
  const { data: client } = await billing(createClientRoute, {
    body: { name: HTML, address: [SQL, HTML], tax_id: "<b>1</b>", started_on: "2026-06-01" },
  });
  const id = client?.id ?? "";
  await sql`
    insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
    values (${HTML}, 'claude-sonnet', 20000000, ${id}, '2026-06-05T00:00:00Z')`;
  await sql`
    insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
    values (${id}, ${`${HTML} ${SQL}`}, 10, 'USD', '2026-06-05')`;
  const { data } = await billing(generateInvoice, { body: { client_id: id, period: "2026-06" } });
  const invoice = data?.invoice;
  strictEqual(invoice?.client, HTML);
  ok(invoice?.lines.some(({ description }) => description === `${HTML} ${SQL}`));

  const render = (format: string) =>
    fetch(
      `${platform.apiUrl}/functions/v1/render-invoice?format=${format}&invoice_id=${invoice?.id}`,
      { headers: { apikey: platform.secretKey } },
    );
  const { html } = await (await render("html")).json();
  ok(!/<script|<img|onerror=alert\(1\)>/i.test(html.replaceAll("&lt;", "")), "escaped");
  ok(html.includes("&lt;script&gt;"));
  const { document } = await (await render("json")).json();
  strictEqual(document.client.name, HTML);
  const bytes = new Uint8Array(await (await render("pdf")).arrayBuffer());
  const { text } = await extractText(await getDocumentProxy(bytes), { mergePages: true });
  const plain = text.replace(/\s+/g, "");
  for (const written of [HTML, SQL]) {
    ok(plain.includes(written.replace(/\s+/g, "")), `the PDF says ${written}`);
  }
});

Deno.test.afterAll(() => sql.end());
