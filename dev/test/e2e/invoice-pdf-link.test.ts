import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import postgres from "postgres";
import { sha256Of } from "../../../shared/sha256.ts";
import { signInvoicePdf } from "../../../shared/api/invoices.ts";
import { addressOf, billingClient } from "../../../shared/client/billing-client.ts";
import { platformKeys } from "../../platform/keys.ts";
import { type Headers, operatorHeaders, signUp } from "../access/actors.ts";
import { fullClient } from "../access/two-clients.ts";
import { eventually } from "../support/eventually.ts";
import { platform } from "../support/platform-env.ts";

const sql = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });

Deno.test("a member opens a link to their invoice's archived PDF, and nobody else gets one", async () => {
  const member = await signUp();
  const outsider = await signUp();
  const client = await fullClient(sql, member.id, `link-${crypto.randomUUID()}`);
  await archived(client.invoiceId);

  const { data } = await billing(member.headers)(signInvoicePdf, {
    params: { invoice_id: client.invoiceId },
  });
  if (data === null) throw new Error("no link");
  match(data.filename, /^INV-\d{4}-\d{6}\.pdf$/);
  const until = Date.parse(data.expires_at) - Date.now();
  ok(until > 200_000 && until <= 300_000, `expires in ${until} ms`);
  const file = await fetch(data.url);
  strictEqual(file.status, 200);
  match(file.headers.get("cache-control") ?? "", /no-store/);
  const bytes = new Uint8Array(await file.arrayBuffer());
  strictEqual(new TextDecoder().decode(bytes.slice(0, 5)), "%PDF-");
  strictEqual(sha256Of(bytes), data.sha256);

  const forged = await fetch(data.url.replace(/token=([^&]+)/, "token=$1x"));
  strictEqual(forged.ok, false);
  await forged.body?.cancel();
  const bare = await fetch(data.url.replace("/object/sign/", "/object/").replace(/\?.*/, ""));
  strictEqual(bare.ok, false);
  await bare.body?.cancel();
  deepStrictEqual(await refusal(outsider.headers, client.invoiceId), [404, "not_found"]);
});

Deno.test("a signed link opens its own file alone, and not after its time", async () => {
  const { url, path, other } = await twoFiles();
  strictEqual(await statusOf(url), 200);
  for (const elsewhere of [other, `${path}/../../${other}`, `${path}%2f..%2f..%2f${other}`]) {
    strictEqual(await statusOf(url.replace(path, elsewhere)) >= 400, true, elsewhere);
  }
  const [header = "", payload = "", signature = ""] = /token=([^&]+)/.exec(url)?.[1]?.split(".") ??
    [];
  const later = btoa(JSON.stringify({ ...JSON.parse(atob(payload)), exp: 4_000_000_000 }));
  for (const token of [`${header}.${later}.${signature}`, `${header}.${payload}.`, "", "x"]) {
    strictEqual(await statusOf(url.replace(/token=[^&]+/, `token=${token}`)) >= 400, true, token);
  }
  const late = await files.createSignedUrl(path, -10);
  strictEqual(await statusOf(late.data?.signedUrl ?? "") >= 400, true, "expired");
});

Deno.test("an invoice that is not in the archive says so, and says what to do", async () => {
  const member = await signUp();
  const client = await fullClient(sql, member.id, `link-${crypto.randomUUID()}`);
  const [draft] = await sql<{ id: string }[]>`
    select id from public.invoices where client_id = ${client.id} and status = 'draft'`;
  deepStrictEqual(
    await refusal(await operatorHeaders(), draft?.id ?? ""),
    [409, "document_not_archived"],
  );
  deepStrictEqual(await refusal(member.headers, draft?.id ?? ""), [404, "not_found"]);
});

const files = createClient(platform.apiUrl, platform.secretKey).storage.from("invoices");

/** Two clients' files, and a link to the first. */
async function twoFiles() {
  const [path, other] = [crypto.randomUUID(), crypto.randomUUID()].map((id) => `${id}/INV-1.pdf`);
  if (path === undefined || other === undefined) throw new Error("no paths");
  for (const name of [path, other]) {
    const { error } = await files.upload(name, new TextEncoder().encode("%PDF-"), {
      contentType: "application/pdf",
    });
    strictEqual(error, null);
  }
  const { data } = await files.createSignedUrl(path, 300);
  return { path, other, url: data?.signedUrl ?? "" };
}

async function statusOf(url: string): Promise<number> {
  const response = await fetch(url);
  await response.body?.cancel();
  return response.status;
}

function billing(headers: Headers) {
  return billingClient(createClient(platform.apiUrl, platform.publishableKey, {
    auth: { persistSession: false, autoRefreshToken: false },
    global: { headers: { ...headers } },
  }));
}

async function refusal(headers: Headers, invoice_id: string): Promise<unknown[]> {
  const address = addressOf(signInvoicePdf, { invoice_id }, {});
  const response = await fetch(`${platform.apiUrl}/functions/v1/${address}`, { headers });
  const { code } = await response.json();
  return [response.status, code];
}

/** Has the worker called until the invoice's PDF is filed. */
async function archived(invoiceId: string): Promise<void> {
  await eventually(async () => {
    const response = await fetch(`${platform.apiUrl}/functions/v1/deliver`, {
      method: "POST",
      headers: { apikey: platformKeys.cronSecret },
    });
    await response.body?.cancel();
    const [row] = await sql`
      select state from public.deliveries
      where invoice_id = ${invoiceId} and kind = 'archive' and credit_note_id is null`;
    strictEqual(row?.state, "done");
  }, 30_000);
}
