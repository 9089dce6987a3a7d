import fc from "fast-check";
import { fuzzRequests } from "../../test/fuzz/requests.ts";
import type { Attack, Attacks } from "../attack.ts";
import { type CallerName, STAFF } from "../callers.ts";

/** Requests that our own OpenAPI document allows, or nearly, by everybody. */
export const contract: Attacks = ({ document, ids, allIds }) => {
  const of = (caller: CallerName, known: readonly string[]) =>
    fuzzRequests(document, known).map(({ method, path, headers, body }): Attack => ({
      concern: "contract",
      caller,
      method,
      path: `/functions/v1${path}`,
      headers: { "content-type": "application/json", ...headers },
      ...body === undefined ? {} : { body },
    }));
  const others = ["anon", "outsider", "keyed", "signed", "agent", "cron"] as const;
  return fc.oneof(
    { weight: 5, arbitrary: of("service", ids) },
    { weight: 2, arbitrary: of("operator", ids) },
    { weight: 4, arbitrary: of("member", allIds) },
    ...others.map((caller) => ({
      weight: 1,
      arbitrary: of(caller, STAFF.includes(caller) ? ids : allIds),
    })),
  );
};
