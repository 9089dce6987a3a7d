import type { Sql } from "postgres";

/**
 * The same pool, whose results have no holes. The driver counts a result's rows per connection and
 * forgets to begin anew when a query fails after its first rows, so the next one's rows begin that
 * far behind: as if the first ones were nothing. (https://github.com/porsager/postgres/issues/1181)
 * In a transaction the rollback comes next, and has no rows.
 */
export function withResultOffsetFix(sql: Sql): Sql {
  return new Proxy(sql, {
    apply: (target, self, given) => {
      const query: unknown = Reflect.apply(target, self, given);
      if (query instanceof Promise) settleWhole(query);
      return query;
    },
  });
}

/** A query is a promise that the connection settles by the query's own `resolve`. */
function settleWhole(query: Promise<unknown>): void {
  const resolve: unknown = Reflect.get(query, "resolve");
  if (typeof resolve !== "function") throw new Error("the driver's queries have no `resolve`");
  Reflect.set(query, "resolve", (result: unknown) => {
    if (Array.isArray(result)) result.splice(0, holesBefore(result));
    return Reflect.apply(resolve, query, [result]);
  });
}

function holesBefore(result: readonly unknown[]): number {
  let holes = 0;
  while (holes < result.length && !(holes in result)) holes++;
  return holes;
}
