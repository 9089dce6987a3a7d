import fc from "fast-check";
import { TABLES } from "../../test/access/matrix.ts";
import { HOSTILE_TEXT } from "../../test/fuzz/from-schema.ts";
import type { Attack, Attacks } from "../attack.ts";

const names = Object.keys(TABLES);
const text = fc.constantFrom(
  ...HOSTILE_TEXT.filter((one) =>
    one.length < 300 && !one.includes("\0") && !/\p{Surrogate}/u.test(one)
  ),
);

/** Schemas that are asked for: mostly the exposed one. */
const PROFILES: readonly Record<string, string>[] = [
  {},
  {},
  {},
  { "accept-profile": "billing" },
  { "content-profile": "_billing" },
];

/** Reads and writes past the API: other clients' rows, columns and schemas. */
export const dataApi: Attacks = ({ allIds, victim }) => {
  const id = fc.constantFrom(...allIds);
  const query = fc.oneof(
    id.map((one) => `?id=eq.${one}`),
    id.map((one) => `?client_id=eq.${one}&select=*`),
    id.map((one) => `?select=*&or=(client_id.eq.${one},id.eq.${one})`),
    fc.constantFrom(...victim).map((one) => `?name=eq.${encodeURIComponent(one)}&select=id`),
    text.map((one) => `?select=${encodeURIComponent(one)}`),
    text.map((one) => `?id=eq.${encodeURIComponent(one)}`),
    fc.constant("?select=id,clients(*),invoices(*)&limit=1000000"),
    fc.constant("?order=id.desc&offset=-1"),
  );
  const body = id.map((one) =>
    JSON.stringify({ client_id: one, agent: "MALLORY", model: "m", name: "taken", input_tokens: 1 })
  );
  return fc.record({
    table: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...names) },
      { weight: 2, arbitrary: fc.constantFrom("agent_usage_logs", "clients", "invoices") },
      { weight: 1, arbitrary: fc.constantFrom("audit_log", "rpc/create_agent_key", "agent_keys") },
    ),
    query,
    body,
    method: fc.constantFrom("GET", "GET", "HEAD", "POST", "PATCH", "DELETE"),
    caller: fc.constantFrom(
      ...["anon", "member", "outsider", "keyed", "signed", "signed"] as const,
    ),
    profile: fc.constantFrom<Record<string, string>>(...PROFILES),
  }).map(({ table, query, body, method, caller, profile }): Attack => ({
    concern: "data API",
    caller,
    method,
    path: `/rest/v1/${table}${method === "POST" ? "" : query}`,
    headers: { "content-type": "application/json", ...profile },
    ...["POST", "PATCH"].includes(method) ? { body } : {},
  }));
};
