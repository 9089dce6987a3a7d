import fc from "fast-check";
import { HOSTILE_TEXT } from "../../test/fuzz/from-schema.ts";
import type { Attack, Attacks } from "../attack.ts";

/** Events of an agent's key that name others, other times and impossible amounts. */
export const usage: Attacks = ({ allIds, victim }) => {
  const text = fc.constantFrom(...HOSTILE_TEXT.filter((one) => one.length < 500));
  const event = fc.record({
    id: fc.oneof(fc.uuid(), fc.constantFrom(...allIds)),
    agent: fc.oneof(fc.constantFrom("MALLORY", "HONEST", ""), text),
    model: fc.oneof(fc.constantFrom("claude-sonnet", "m"), text),
    client_id: fc.constantFrom(...allIds),
    corrects_id: fc.constantFrom(...allIds),
    input_tokens: fc.constantFrom<unknown>(1, -1, 2 ** 53, 1e300, "1", null),
    other_features: fc.oneof(
      fc.dictionary(text, fc.constantFrom<unknown>(1, -1, 1e300, null, {}), { maxKeys: 3 }),
      fc.nat(200).map((size) => Object.fromEntries(Array.from({ length: size }, (_, i) => [i, 1]))),
    ),
    metadata: fc.constantFrom(...victim).map((client_id) => ({ client_id, batch: true })),
    timestamp: fc.constantFrom(
      ...["1970-01-01T00:00:00", "2199-12-31T23:59:59", "-infinity", "2026-02-30T00:00:00"],
      new Date().toISOString(),
    ),
  }, { requiredKeys: ["model"] });
  return fc.record({
    events: fc.array(event, { minLength: 1, maxLength: 30 }),
    kind: fc.constantFrom("json", "ndjson", "data API"),
  }).map(({ events, kind }): Attack => ({
    concern: "usage",
    caller: kind === "data API" ? "signed" : "keyed",
    method: "POST",
    path: kind === "data API" ? "/rest/v1/agent_usage_logs" : "/functions/v1/ingest-usage",
    headers: { "content-type": kind === "ndjson" ? "application/x-ndjson" : "application/json" },
    body: kind === "ndjson"
      ? events.map((one) => JSON.stringify(one)).join("\n")
      : JSON.stringify(kind === "json" ? events : events[0]),
  }));
};
