import { duration, type Figure, median, percentile, timed, whole } from "./figure.ts";
import type { Sizes } from "./sizes.ts";
import { clientId, type Sql } from "./world.ts";

const AS_OF = "2026-06-29 12:00+00";

/** `live_spend`: one client's running period, priced, against the same from its raw logs. */
export async function measureLiveSpend(sql: Sql, sizes: Sizes): Promise<Figure[]> {
  await sql`create index bench_client_logs on public.agent_usage_logs
    ((metadata ->> 'client_id'), "timestamp")`;
  await sql`analyze public.agent_usage_logs`;
  const ours = await spendTimes(sql, sizes, sizes.spendReads);
  const floor: number[] = [];
  for (let read = 0; read < Math.min(20, sizes.spendReads); read++) {
    const id = await clientId(sql, 1 + read * 37 % sizes.spendClients);
    floor.push(await timed(() => sql.unsafe(FROM_LOGS, [id])));
  }
  await sql`drop index public.bench_client_logs`;
  const p99 = percentile(ours, 0.99);
  return [{
    key: "live_spend",
    what: "p99 of one client's month to date, priced, with forecast: faster than",
    floor: "the same client's sum from raw logs by the best index, median",
    value: median(floor) / p99,
    unit: "×",
    target: { atLeast: 60 },
    also: [{ what: "p99 ≤ 1.5 ms", holds: p99 <= 1.5 }],
    detail: `p99 ${duration(p99)}, median ${duration(median(ours))} against ` +
      `${duration(median(floor))}; ${whole(sizes.history)} logs, ${
        whole(sizes.spendClients)
      } clients`,
  }];
}

/** Milliseconds of so many reads, of one client after the other. */
export async function spendTimes(sql: Sql, sizes: Sizes, reads: number): Promise<number[]> {
  const times: number[] = [];
  for (let read = -5; read < reads; read++) {
    const id = await clientId(sql, 1 + (read + 5) * 37 % sizes.spendClients);
    const took = await timed(() => sql`select billing.current_spend(${id}::uuid, ${AS_OF})`);
    if (read >= 0) times.push(took);
  }
  return times;
}

/** What a report on the raw log would ask: no free units, tiers or price changes are in the data. */
const FROM_LOGS = `
  select sum(case l.family when 'claude-sonnet' then l.input * 3.00 + l.output * 15.00
    when 'claude-opus' then l.input * 15.00 + l.output * 75.00
    when 'gpt-4o' then l.input * 2.50 + l.output * 10.00
    else l.input * 0.25 + l.output * 1.25 end / 1000000 + l.searches * 0.01 + l.pages * 0.02)
  from (
    select m.family, g."timestamp"::date, sum(input_tokens) as input, sum(output_tokens) as output,
      sum(web_searches) as searches,
      coalesce(sum((other_features ->> 'pdf_processing')::numeric), 0) as pages
    from public.agent_usage_logs g join public.models m on m.id = g.model
    where g.metadata ->> 'client_id' = $1
      and g."timestamp" >= '2026-06-01 00:00+00' and g."timestamp" < '2026-07-01 00:00+00'
    group by 1, 2
  ) l`;
