import assert from "node:assert/strict";
import { sha256Of } from "../../../shared/sha256.ts";
import { acme } from "../../../shared/document/samples.ts";
import type { InvoiceRow } from "./invoice-loader.ts";
import { handleRender } from "./handler.ts";

const ID = "0b8e6c1a-4d8f-4e61-9a53-1b7c52b3f1aa";
const ROW: InvoiceRow = {
  id: ID,
  number: acme.number,
  status: "open",
  document: acme,
};
const URL_BASE = "http://functions.test/render-invoice";

/** Asks for an invoice when `row` is all that the caller can see. */
async function ask(request: Request, row: InvoiceRow | null | Error = ROW) {
  const reported: unknown[] = [];
  const response = await handleRender(request, {
    loadInvoice: (id) => {
      if (row instanceof Error) return Promise.reject(row);
      return Promise.resolve(row?.id === id ? row : null);
    },
    reportError: (error) => void reported.push(error),
  });
  return { response, reported };
}

function post(body: unknown, headers: Record<string, string> = {}): Request {
  return new Request(URL_BASE, {
    method: "POST",
    body: JSON.stringify(body),
    headers,
  });
}

Deno.test("a PDF comes as a file with its number for a name and its digest for a tag", async () => {
  const { response } = await ask(post({ invoice_id: ID }));
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/pdf");
  assert.equal(
    response.headers.get("content-disposition"),
    'attachment; filename="invoice-INV-2026-000123.pdf"',
  );
  const bytes = new Uint8Array(await response.arrayBuffer());
  assert.equal(new TextDecoder().decode(bytes.slice(0, 5)), "%PDF-");
  const digest = sha256Of(bytes);
  assert.equal(response.headers.get("etag"), `"${digest}"`);
  assert.equal(response.headers.get("cache-control"), "no-store");
});

Deno.test("a caller that has the file is told that nothing changed", async () => {
  const { response } = await ask(post({ invoice_id: ID }));
  const etag = response.headers.get("etag") ?? "";
  await response.body?.cancel();
  const again = await ask(post({ invoice_id: ID }, { "if-none-match": etag }));
  assert.equal(again.response.status, 304);
});

Deno.test("GET asks the same by its query", async () => {
  const { response } = await ask(
    new Request(`${URL_BASE}?invoice_id=${ID}&format=html`),
  );
  const { number, html } = await response.json();
  assert.equal(number, "INV-2026-000123");
  assert.match(html, /^<!doctype html>/);
  assert.match(html, /size: A4/);
});

Deno.test("the paper can be chosen", async () => {
  const { response } = await ask(
    post({ invoice_id: ID, format: "html", paper: "Letter" }),
  );
  assert.match((await response.json()).html, /size: Letter/);
});

Deno.test("JSON is the frozen document under the invoice's present status", async () => {
  const { response } = await ask(post({ invoice_id: ID, format: "json" }), {
    ...ROW,
    status: "paid",
  });
  assert.deepEqual(await response.json(), {
    id: ID,
    number: "INV-2026-000123",
    status: "paid",
    document: { ...acme, status: "paid" },
  });
});

Deno.test("a draft without a number still has a file name", async () => {
  const { response } = await ask(post({ invoice_id: ID }), {
    ...ROW,
    number: null,
    status: "draft",
    document: { ...acme, number: null, status: "draft" },
  });
  await response.body?.cancel();
  assert.match(
    response.headers.get("content-disposition") ?? "",
    /invoice-draft-0b8e6c1a.*\.pdf/,
  );
});

Deno.test("an invoice that the caller cannot see does not exist", async () => {
  const { response, reported } = await ask(post({ invoice_id: ID }), null);
  assert.equal(response.status, 404);
  assert.equal(
    response.headers.get("content-type"),
    "application/problem+json",
  );
  assert.equal((await response.json()).code, "not_found");
  assert.deepEqual(reported, []);
});

Deno.test("bad input is answered with where and what", async () => {
  const cases: [Request, string[]][] = [
    [post({ invoice_id: " ", format: "docx", papre: "A4" }), [
      "/invoice_id",
      "/format",
      "",
    ]],
    [post([]), [""]],
    [new Request(URL_BASE), ["/invoice_id"]],
  ];
  for (const [request, pointers] of cases) {
    const { response } = await ask(request);
    assert.equal(response.status, 400);
    const { code, errors } = await response.json();
    assert.equal(code, "bad_request");
    assert.deepEqual(
      errors.map(({ pointer }: { pointer: string }) => pointer),
      pointers,
    );
  }
});

Deno.test("a body that is not JSON is the caller's mistake", async () => {
  const { response } = await ask(
    new Request(URL_BASE, { method: "POST", body: "{" }),
  );
  assert.equal(response.status, 400);
  assert.equal((await response.json()).detail, "the body is not JSON");
});

Deno.test("other methods are refused and the right ones named", async () => {
  const { response } = await ask(new Request(URL_BASE, { method: "DELETE" }));
  assert.equal(response.status, 405);
  assert.equal(response.headers.get("allow"), "GET, POST");
});

Deno.test("an invoice without a document, and one with a broken document, are told apart", async () => {
  const missing = await ask(post({ invoice_id: ID }), {
    ...ROW,
    document: null,
  });
  assert.equal((await missing.response.json()).code, "document_missing");
  const broken = await ask(post({ invoice_id: ID }), {
    ...ROW,
    document: { ...acme, lines: 1 },
  });
  assert.equal(broken.response.status, 500);
  const { code, errors } = await broken.response.json();
  assert.equal(code, "document_invalid");
  assert.equal(errors[0].pointer, "/lines");
  assert.equal(broken.reported.length, 1);
});

Deno.test("an internal error is reported and tells the caller nothing", async () => {
  const { response, reported } = await ask(
    post({ invoice_id: ID }),
    new Error("secret detail"),
  );
  assert.equal(response.status, 500);
  const text = await response.text();
  assert(!text.includes("secret detail"));
  assert.equal(JSON.parse(text).code, "internal");
  assert.equal(reported.length, 1);
});
