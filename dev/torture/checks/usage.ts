import type { Sql } from "postgres";
import { readQuarantined } from "../../rater/booked.ts";
import { compareQuarantine } from "../../rater/compare.ts";
import { compare, parseDecimal } from "../../../shared/rater/fraction.ts";
import { usageOfLogs } from "../../../shared/rater/usage.ts";
import type { World } from "../../../shared/rater/world.ts";
import { ATTRIBUTION } from "../actors/attributors.ts";
import type { Ledger } from "../ledger.ts";
import type { History, Violation } from "../history.ts";

/**
 * Runs mend records that differ from their logs; none may ever have had to. But for one reason:
 * whose usage is was changed between the run's rollup, which makes up for such changes, and its
 * comparison. The next rollup would have done the same. A run that is killed goes on in the next
 * session, so its time is that of its row.
 */
export async function checkRepaired(sql: Sql, history: History): Promise<Violation[]> {
  const runs = await sql<{ as_of: Date; opened: Date; closed: Date; records: string }[]>`
    select as_of, started_at as opened, finished_at as closed,
      summary ->> 'discrepancies_repaired' as records
    from billing.monthly_runs where (summary ->> 'discrepancies_repaired')::bigint > 0`;
  return runs.flatMap(({ as_of, opened, closed, records }) => {
    const isMoved = history.entries.some(({ what, touches, began, ended }) =>
      (what.includes(" works for ") || touches.includes(ATTRIBUTION)) &&
      began <= history.at(closed) && history.at(opened) <= ended
    );
    const detail = `the run as of ${as_of.toISOString()} had to mend ${records} records`;
    return isMoved ? [] : [{ check: "repaired", about: ["runs"], detail }];
  });
}

/**
 * Each row is in exactly one sum, or held back with a reason: the sums are made again from the raw
 * rows by code that the database knows nothing of.
 */
export async function checkUsage(sql: Sql, world: World): Promise<Violation[]> {
  const { usage, unbillable } = usageOfLogs(world);
  const names = new Map(world.clients.map(({ id, name }) => [id, name]));
  const rows = await sql<{ key: string; client_id: string; agent: string; quantity: string }[]>`
    select concat_ws('|', client_id, usage_day, agent, model, metric, rate_class) as key, client_id, agent,
      quantity::text
    from public.usage_records where quantity <> 0`;
  const recorded = new Map(rows.map((row) => [row.key, row]));
  const violations: Violation[] = [];
  const complain = (client: string, agent: string, detail: string) =>
    violations.push({
      check: "usage",
      about: [`client ${names.get(client)}`, `agent ${agent}`],
      detail,
    });
  for (const { clientId, day, agent, model, metric, rateClass, quantity } of usage) {
    if (quantity.n === 0n) continue;
    const key = [clientId, day, agent, model, metric, rateClass].join("|");
    const record = recorded.get(key);
    recorded.delete(key);
    if (record !== undefined && compare(parseDecimal(record.quantity), quantity) === 0) continue;
    complain(
      clientId,
      agent,
      `${key}: logs say ${quantity.n}/${quantity.d}, recorded is ${record?.quantity ?? "nothing"}`,
    );
  }
  for (const { key, client_id, agent, quantity } of recorded.values()) {
    complain(client_id, agent, `${key}: recorded is ${quantity}, logs say nothing`);
  }
  const held = compareQuarantine({ periods: [], unbillable }, await readQuarantined(sql));
  return violations.concat(held.map(({ what, database, independent }) => ({
    check: "quarantine",
    about: [],
    detail: `${what}: held back ${database}, by the logs ${independent}`,
  })));
}

/** Everything that is stored has been counted: nothing has come after the last run. */
export async function checkCounted(sql: Sql, ledger: Ledger): Promise<Violation[]> {
  const rows = await sql<{ id: string; stored_by: string }[]>`
    select l.id, l.stored_by::text
    from billing.usage_watermark w, public.agent_usage_logs l
    where not _billing.is_counted(l.stored_by, l.seq, w.snapshot, w.own_transaction, w.own_seq)`;
  const batches = Map.groupBy(rows, ({ id }) => ledger.batchOf(id));
  return [...batches].map(([batch, { length, 0: first }]) => ({
    check: "counted",
    about: [`batch ${batch}`],
    detail: `${length} rows of batch ${batch} are not counted, stored by ${first?.stored_by}`,
  }));
}
