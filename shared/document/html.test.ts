import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { renderHtml } from "./html.ts";
import * as samples from "./samples.ts";
import { invoiceView } from "./view.ts";

const { acme } = samples;

Deno.test("the same document is the same page, on every runtime", () => {
  const digest = createHash("sha256");
  for (const sample of Object.values(samples)) digest.update(renderHtml(invoiceView(sample)));
  // Changes with the design only: look at the pages, then take over the new value.
  assert.equal(digest.digest("hex").slice(0, 16), "4d8e77c7c83c26e3");
});

Deno.test("text in any field stays text", () => {
  const hostile = `<script>alert(1)</script>"'&<img src=x onerror=alert(1)>`;
  const [line] = acme.lines;
  const [agent] = acme.agents;
  assert(line && agent);
  const html = renderHtml(invoiceView({
    ...acme,
    number: hostile,
    references: { invoice_number: hostile, replaces: hostile, reason: hostile },
    period: { start: "2026-06-01", end: "2026-07-01", time_zone: hostile },
    seller: {
      name: hostile,
      address: [hostile],
      email: hostile,
      tax_id: hostile,
      website: hostile,
      payment_instructions: hostile,
      footer: hostile,
    },
    client: {
      ...acme.client,
      name: hostile,
      address: [hostile],
      email: hostile,
      external_id: hostile,
    },
    lines: [{ ...line, description: hostile, detail: hostile, agent: hostile, unit: hostile }],
    discounts: [{ description: hostile, amount_minor: 0 }],
    taxes: [{
      name: hostile,
      rate_percent: "0",
      behavior: "exclusive",
      base_minor: 0,
      amount_minor: 0,
      note: hostile,
    }],
    agents: [{ ...agent, agent: hostile }],
    notes: [hostile],
    payment_url: `https://pay.example/"><script>alert(1)</script>`,
  }));
  assert(!/<script|<img/i.test(html), "markup came through");
  const escaped = "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;&lt;img";
  assert(html.split(escaped).length > 25, "some field is missing");
});

Deno.test("the page needs nothing from anywhere else", () => {
  for (const sample of Object.values(samples)) {
    const html = renderHtml(invoiceView(sample));
    assert(!/<(script|link|img|iframe|object)\b|@import|url\(|@font-face/i.test(html));
  }
});

Deno.test("no character of the page reorders text; names of either direction stand isolated", () => {
  const html = renderHtml(invoiceView({
    ...samples.arabic,
    client: { ...samples.arabic.client, name: "\u202eשלום 123\u202c" },
  }));
  assert(!/[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/.test(html));
  assert(html.includes("<bdi>שלום 123</bdi>"));
});

Deno.test("the chart has a title that assistive technology reads", () => {
  const html = renderHtml(invoiceView(acme));
  assert.match(html, /<svg [^>]*role="img" aria-labelledby="chart-title">/);
  assert.match(html, /<title id="chart-title">Usage per day<\/title>/);
  assert.equal(html.match(/<rect /g)?.length, 30);
});

Deno.test("all two hundred lines are there, under a header that repeats on paper", () => {
  const html = renderHtml(invoiceView(samples.long));
  assert.equal(html.match(/Agent AGENT_\d{3}/g)?.length, 200);
  assert(html.includes("thead { display: table-header-group; }"));
});
