import fc from "fast-check";
import type { Attack, Attacks } from "../attack.ts";
import { PATHS } from "../paths.ts";

const HEADERS: readonly Readonly<Record<string, string>>[] = [
  { "x-forwarded-for": "127.0.0.1" },
  { "x-forwarded-for": "' or 1=1 --" },
  { "x-forwarded-for": "1.2.3.4, ".repeat(300) },
  { "cf-connecting-ip": "::::::::1" },
  { "cf-connecting-ip": "999.1.1.1" },
  { "cf-connecting-ip": "fe80::1%eth0" },
  { "x-request-id": "a".repeat(5000) },
  { "x-request-id": '"},{"level":"error"' },
  { "x-http-method-override": "DELETE" },
  { "x-original-url": "/billing/clients" },
  { "x-forwarded-host": "evil.example" },
  { origin: "https://evil.example" },
  { range: "bytes=0-99999999999" },
  { expect: "200-ok" },
  { "accept-encoding": "gzip;q=1e400" },
  { accept: "application/vnd.pgrst.plan+json" },
  { "accept-profile": "billing" },
  { "content-profile": "_billing" },
  { prefer: "return=representation, count=exact, tx=rollback" },
  { prefer: "resolution=merge-duplicates, missing=default" },
  { "if-none-match": `"${"x".repeat(5000)}"` },
  { "idempotency-key": "k".repeat(256) },
  { "idempotency-key": "the same for all" },
  { "content-encoding": "deflate, gzip, br" },
  { "content-type": "application/json; charset=utf-16" },
  { "content-type": "application/json, application/x-ndjson" },
  { "content-language": "x".repeat(6000) },
];

/** Headers that claim another address, method, path, schema or encoding. */
export const headers: Attacks = ({ allIds }) =>
  fc.record({
    path: fc.constantFrom(...PATHS),
    id: fc.constantFrom(...allIds),
    odd: fc.subarray([...HEADERS], { minLength: 1, maxLength: 3 }),
    caller: fc.constantFrom(...["anon", "member", "outsider", "keyed", "signed"] as const),
  }).map(({ path: [method, path], id, odd, caller }): Attack => ({
    concern: "headers",
    caller,
    method,
    path: path.replaceAll("ID", id),
    headers: Object.assign({ "content-type": "application/json" }, ...odd),
    ...method === "GET" ? {} : { body: "{}" },
  }));
