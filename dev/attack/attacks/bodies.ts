import { gzipSync } from "node:zlib";
import fc from "fast-check";
import type { Attack, Attacks } from "../attack.ts";

const encoder = new TextEncoder();
const BATCH = '{"events":[{"agent":"MALLORY","model":"m"}]}';

/** Made once: large ones cost more to make than to refuse. */
const BODIES: readonly Uint8Array<ArrayBuffer>[] = [
  ...[
    "",
    "\0",
    '{"name":"\\u0000"}',
    '{"name":"\\ud800"}',
    '[{"agent":"MALLORY","model":"a\\u0000b"}]',
    '[{"agent":"MALLORY","model":"m","metadata":{"__proto__":{"x":1}}}]',
    '[{"agent":"MALLORY","model":"m","input_tokens":1e308}]',
    '[{"agent":"MALLORY","model":"m","input_tokens":-0}]',
    '[{"agent":"MALLORY","model":"m","timestamp":"-infinity"}]',
    '{"events":[],"events":[]}',
    '{"events":{"length":1000000000}}',
    BATCH.slice(0, -1),
    `${BATCH}\n${BATCH}`,
    "[".repeat(5000),
    `${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`,
    `[${"null,".repeat(2000)}null]`,
    `[${'{"agent":"MALLORY","model":"m"},'.repeat(1000)}null]`,
    `"${"x".repeat(1_100_000)}"`,
    '{"as_of":"' + "9".repeat(20_000) + '"}',
  ].map((text) => encoder.encode(text)),
  Uint8Array.of(0xff, 0xfe, 0x00, 0xd8),
  Uint8Array.of(0xed, 0xa0, 0x80),
  new Uint8Array(9_000_000),
];
const GZIPPED: readonly Uint8Array<ArrayBuffer>[] = [
  new Uint8Array(gzipSync(new Uint8Array(50_000_000))),
  new Uint8Array(gzipSync(BATCH)).slice(0, -9),
  new Uint8Array(gzipSync(gzipSync(BATCH))),
  encoder.encode("not gzip"),
];
const PATHS = [
  ...["ingest-usage", "billing/clients", "billing/runs", "billing/invoices/generate"],
  ...["render-invoice", "deliver", "create-stripe-invoice", "reconcile-stripe", "stripe-webhook"],
];
const TYPES = [
  "application/json",
  "application/x-ndjson",
  "text/plain",
  "multipart/form-data; boundary=x",
  "",
];

/** Bodies that are empty, huge, deep, cut, compressed without end, or no text. */
export const bodies: Attacks = () => {
  const made = fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...BODIES.slice(0, 13)).map((body) => plain(body)) },
    { weight: 4, arbitrary: fc.constantFrom(...BODIES.slice(13)).map((body) => plain(body)) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(...GZIPPED).map((body) => ({
        body,
        headers: { "content-encoding": "gzip" },
      })),
    },
    { weight: 6, arbitrary: fc.uint8Array({ maxLength: 200 }).map((raw) => plain(copy(raw))) },
  );
  return fc.record({
    made,
    path: fc.constantFrom(...PATHS),
    type: fc.constantFrom(...TYPES),
    caller: fc.constantFrom(
      ...["anon", "member", "keyed", "keyed", "agent", "service", "cron"] as const,
    ),
  }).map(({ made: { body, headers }, path, type, caller }): Attack => ({
    concern: "bodies",
    caller,
    method: "POST",
    path: `/functions/v1/${path}`,
    headers: { ...type === "" ? {} : { "content-type": type }, ...headers },
    body,
  }));
};

function plain(body: Uint8Array<ArrayBuffer>) {
  return { body, headers: {} };
}

function copy(raw: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(raw);
}
