/** The ends of deliveries to services that answered badly: everything arrived, once. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import type { createClient } from "@supabase/supabase-js";
import type { Email } from "postal-mime";
import type { Sql } from "postgres";
import type { startStripe } from "../../standins/stripe/server.ts";
import { messageIdOf } from "../../../supabase/functions/deliver/outbound/mail/message.ts";
import { BAD_ANSWERS } from "./bad-service.ts";
import { isFiled } from "./bad-services-seed.ts";
import { BAD_SERVICES_FROM } from "./bad-services-world.ts";

/**
 * HERMES is told at least once: again after an answer that said nothing, the same under the same
 * key, by which it drops what it has. Nothing comes without a key.
 */
export function assertNotified(
  received: readonly { readonly key: string | null; readonly body: unknown }[],
  keys: readonly string[],
): void {
  deepStrictEqual(received.filter(({ key }) => key === null), []);
  deepStrictEqual([...new Set(received.map(({ key }) => key))].sort(), [...keys].sort());
  const told = new Set(received.map(({ key, body }) => JSON.stringify([key, body])));
  strictEqual(told.size, keys.length, "what is told again is the same");
  ok(received.length > keys.length, "something was told again");
}

/**
 * A mail server that took a mail and died before it said so gets it again: the same, under the
 * Message-ID by which mailboxes know that they have it.
 */
export function assertMailed(received: readonly Email[], keys: readonly string[]): void {
  const ids = keys.map((key) => `<${messageIdOf(key, BAD_SERVICES_FROM)}>`);
  deepStrictEqual([...new Set(received.map(({ messageId }) => messageId))].sort(), ids.sort());
  const told = new Set(
    received.map(({ messageId, to, subject, text }) =>
      JSON.stringify([messageId, to, subject, text])
    ),
  );
  strictEqual(told.size, keys.length, "what is mailed again is the same");
  ok(received.length > keys.length, "something was mailed again");
}

/** A customer and an open invoice for each of ours, with its total, and nothing else. */
export async function assertStripe(
  sql: Sql,
  state: ReturnType<typeof startStripe>["state"],
  count: number,
): Promise<void> {
  const theirs = [...state.invoices.values()];
  deepStrictEqual(
    { customers: state.customers.size, invoices: theirs.map(({ status }) => status) },
    { customers: count, invoices: Array.from({ length: count }, () => "open") },
  );
  const totals = await sql`select i.total_minor::int as ours, m.total_minor::int as noted
    from public.invoices i join public.stripe_invoices m on m.invoice_id = i.id`;
  strictEqual(totals.length, count);
  ok(totals.every(({ ours, noted }) => ours === noted && ours > 0));
}

/** Each file is there once and is what the delivery says. */
export async function assertFiles(
  sql: Sql,
  client: ReturnType<typeof createClient>,
  all: readonly { readonly kind: string; readonly external_id: string | null }[],
): Promise<void> {
  const files = all.filter(({ kind }) => isFiled(kind));
  strictEqual(new Set(files.map(({ external_id: path }) => path)).size, files.length);
  for (const { kind, external_id: path } of files) {
    const bucket = kind === "log_export" ? "usage-logs" : "invoices";
    const { data, error } = await client.storage.from(bucket).download(path ?? "");
    strictEqual(error, null, `${bucket}/${path}`);
    ok((await data?.arrayBuffer())?.byteLength, `${bucket}/${path} is empty`);
    match(path ?? "", /\.[a-z]+(\.gz)?$/);
  }
  const [stored] = await sql`select count(*)::int from billing.log_exports where state = 'stored'`;
  strictEqual(stored?.count, BAD_ANSWERS.length);
}
