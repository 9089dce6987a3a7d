import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import type { Attack } from "./attack.ts";
import { judge } from "./judge.ts";

const read = (caller: Attack["caller"], path: string, method = "GET"): Attack => ({
  concern: "test",
  caller,
  method,
  path,
  headers: {},
});
const answer = (status: number, text = "{}", headers: Record<string, string> = {}) => ({
  status,
  text,
  headers: new Headers(headers),
});
const problem = (status: number) =>
  answer(status, JSON.stringify({ type: "urn:leveredge:problem:x", code: "x", status }), {
    "content-type": "application/problem+json",
  });
const CLIENTS = "/functions/v1/billing/clients";

Deno.test("an attack's judge sees failures, other answers than problems, and what is let in", () => {
  const found = (attack: Attack, given: ReturnType<typeof answer>) =>
    Object.values(judge(attack, given, []) ?? {}).join(": ");
  match(found(read("member", CLIENTS), problem(500)), /^failure: answered 500/);
  match(found(read("member", CLIENTS), problem(503)), /^failure: answered 503/);
  match(found(read("anon", CLIENTS), answer(401, "no")), /^form: no problem/);
  match(found(read("member", CLIENTS), answer(200, "at run (x.ts:7)")), /^shown: shows its inside/);
  strictEqual(found(read("anon", "/functions/v1/billing/.."), answer(404, "of the gateway")), "");
  for (
    const attack of [
      read("forged", CLIENTS),
      read("keyed", CLIENTS),
      read("signed", "/functions/v1/ingest-usage", "POST"),
      read("member", "/functions/v1/billing/agent-keys", "POST"),
      read("anon", "/functions/v1/stripe-webhook", "POST"),
      read("signed", "/rest/v1/agent_usage_logs"),
      read("member", "/rest/v1/agent_usage_logs", "POST"),
      read("keyed", "/rest/v1/clients"),
      read("member", "/storage/v1/object/invoices/x/INV-1.pdf"),
      read("anon", "/functions/v1/billing/invoice-links/open", "POST"),
    ]
  ) match(found(attack, answer(200)), /^accepted: accepted/, JSON.stringify(attack));
});

Deno.test("it judges what our SQL makes the Data API fail with, and no failure of the API itself", () => {
  const rows = read("signed", "/rest/v1/agent_usage_logs", "POST");
  const failed = (code: string, status = 500) =>
    judge(rows, answer(status, JSON.stringify({ code, message: "x" })), [])?.kind ?? null;
  deepStrictEqual(
    ["XX000", "42P17", "22P05", "P0004", "54001"].map((code) => failed(code)),
    Array(5).fill("failure"),
  );
  deepStrictEqual(
    [failed("SUP"), failed("PGRST002", 503), failed("53300", 503), failed("22P02", 400)],
    [null, null, null, null],
  );
  strictEqual(judge(rows, answer(502, "<html>"), []), null);
});

Deno.test("it lets pass what is right: honest 503, refusals, and what a caller may", () => {
  const given: [Attack, ReturnType<typeof answer>][] = [
    [read("member", CLIENTS), answer(200)],
    [read("keyed", "/functions/v1/ingest-usage", "POST"), answer(200)],
    [read("signed", "/rest/v1/agent_usage_logs", "POST"), answer(201)],
    [read("anon", "/functions/v1/billing/openapi.json"), answer(200)],
    [read("anon", CLIENTS, "OPTIONS"), answer(204)],
    [read("forged", CLIENTS), problem(401)],
    [read("member", "/storage/v1/object/list/invoices", "POST"), answer(200, "[]")],
  ];
  for (const [attack, one] of given) strictEqual(judge(attack, one, []), null);
  const busy = problem(503);
  busy.headers.set("retry-after", "2");
  strictEqual(judge(read("member", CLIENTS), busy, []), null);
});

Deno.test("a secret that is shown is seen, unless the caller said it or is of the staff", () => {
  const shown = answer(200, '{"name":"the victim"}');
  deepStrictEqual(
    [
      judge(read("member", CLIENTS), shown, ["the victim"])?.kind,
      judge(read("member", `${CLIENTS}?q=the%20victim`), shown, ["the victim"]),
      judge(read("service", CLIENTS), shown, ["the victim"]),
    ],
    ["shown", null, null],
  );
});
