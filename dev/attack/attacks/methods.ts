import fc from "fast-check";
import type { Attack, Attacks } from "../attack.ts";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "QUERY"];
const PATHS = [
  "billing",
  "billing/",
  "billing//clients",
  "billing/clients/",
  "billing/clients/..%2f..%2fdeliver",
  "billing/clients/%00",
  "billing/clients/%ff",
  "billing/clients/%zz",
  "billing/clients?limit=1&limit=2",
  "billing/clients?limit[]=1",
  "billing/clients?cursor=%00",
  "billing/openapi.json",
  "billing/constructor",
  "billing/__proto__",
  "ingest-usage",
  "ingest-usage/x",
  "render-invoice",
  "render-invoice?invoice_id=ID&invoice_id=ID",
  "render-invoice?invoice_id=ID&format=../../x",
  "deliver",
  "create-stripe-invoice",
  "reconcile-stripe",
  "stripe-webhook",
  "nothing-here",
  "..%2f..%2frest/v1/clients",
];

/** Methods that nothing takes, and paths that are nearly ours. */
export const methods: Attacks = ({ allIds }) =>
  fc.record({
    method: fc.constantFrom(...METHODS),
    path: fc.oneof(
      fc.constantFrom(...PATHS),
      fc.string({ maxLength: 40 }).map((text) => `billing/${encodeURIComponent(wellFormed(text))}`),
    ),
    id: fc.constantFrom(...allIds),
    caller: fc.constantFrom(...["anon", "member", "keyed", "outsider"] as const),
  }).map(({ method, path, id, caller }): Attack => ({
    concern: "methods",
    caller,
    method,
    path: `/functions/v1/${path.replaceAll("ID", id)}`,
    headers: {},
    ...["GET", "HEAD", "OPTIONS"].includes(method) ? {} : { body: "{}" },
  }));

function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "x");
}
