import { alternate, type Figure, perSecond, timed, whole } from "./figure.ts";
import type { Sizes } from "./sizes.ts";
import { addClients, type Sql } from "./world.ts";

const BATCH = 1000;

/** `window_push`: windows by `push_windows`, against the same rows by `ingest_usage`. */
export async function measureWindowPush(sql: Sql, sizes: Sizes): Promise<Figure[]> {
  await addClients(sql, 100);
  await sql`insert into billing.usage_sources (id, window_length) values ('bench', '1 minute')`;
  await sql`insert into billing.usage_source_agents (agent, source_id)
    select 'AGENT-' || n, 'bench' from generate_series(0, 49) n`;
  let pushes = 0;
  let ingests = 0;
  const say = async (
    what: "push_windows('bench'," | "ingest_usage(",
    json: string,
    day: number,
  ) => {
    for (let from = 0; from < sizes.windows; from += BATCH) {
      await sql.unsafe(`select count(*) from billing.${what} (${json}))`, [from, day]);
    }
  };
  const push = (day: number) => timed(() => say("push_windows('bench',", windows, day));
  const measured = await alternate(
    sizes.rounds,
    () => push(pushes++),
    () => timed(() => say("ingest_usage(", events, ingests++)),
  );
  const again = await push(0);
  return [{
    key: "window_push",
    what: `windows of a source, ${whole(BATCH)} a push`,
    floor: "the same rows by billing.ingest_usage",
    value: measured.floor / measured.ours,
    unit: "×",
    // Each window is compared with what is stored of it. 500 M calls a day of 1,000 agents are 16/s.
    target: { atLeast: 0.2 },
    also: [{ what: "1,000 windows a second", holds: sizes.windows / measured.ours >= 1 }],
    detail: `${perSecond(sizes.windows, measured.ours)} of ` +
      `${perSecond(sizes.windows, measured.floor)}, ${whole(sizes.windows)} windows; pushed ` +
      `again ${perSecond(sizes.windows, again)}`,
  }];
}

/** SQL: a batch of rows that begin with $1, on day $2 of June 2026. */
const rows = (more: string) => `
  select jsonb_agg(jsonb_build_object('agent', 'AGENT-' || n % 50, 'model', 'gpt-4o',
    'timestamp', timestamptz '2026-06-01 00:00+00' + $2::int * interval '1 day'
      + n / 50 * interval '1 minute',
    'calls', 1000, 'input_tokens', 1000000 + n, 'output_tokens', 50000, 'total_cost', 4.5${more}))
  from generate_series($1::int, $1::int + ${BATCH - 1}) n`;
const windows = rows("");
const events = rows(", 'id', billing.new_id()");
