import postgres from "postgres";
import { callsOf, eventOf, inBatches } from "../test/log-plane/calls.ts";
import { withCitusCluster } from "../test/support/citus-cluster.ts";
import { type Figure, perSecond, timed, whole } from "./figure.ts";
import { inParallel } from "./parallel.ts";
import type { Sizes } from "./sizes.ts";

const BATCH = 1000;
const WRITERS = 4;

/** `ingest_citus`: calls into the log plane with two workers, against one worker. */
export async function measureIngestCitus(sizes: Sizes): Promise<Figure[]> {
  const one = await storeAll(1, sizes.citusCalls);
  const two = await storeAll(2, sizes.citusCalls);
  return [{
    key: "ingest_citus",
    what:
      `calls by log_plane.store_calls, ${whole(BATCH)} a batch, into a Citus cluster with two ` +
      "workers",
    floor: "with one worker",
    value: one / two,
    unit: "×",
    // Coordinator, workers and writers share the cores of one machine: more workers are no faster
    // here, and must not be slower by more than their commit on both.
    target: { atLeast: 0.7 },
    detail: `${perSecond(sizes.citusCalls, two)} of ${perSecond(sizes.citusCalls, one)}, ` +
      `${WRITERS} writers, ${whole(sizes.citusCalls)} calls`,
  }];
}

/** Milliseconds in which so many calls are stored. */
async function storeAll(workers: 1 | 2, calls: number): Promise<number> {
  let took = 0;
  await withCitusCluster(async ({ url }) => {
    const sql = postgres(url, { max: WRITERS, onnotice: () => {} });
    try {
      await sql`insert into log_plane.settings (source) values ('bench')`;
      const batches = [...inBatches(numbered(calls), BATCH)].map((batch) => JSON.stringify(batch));
      const store = async (batch: number) => {
        await sql`select log_plane.store_calls(${batches[batch] ?? "[]"}::text::jsonb)`;
      };
      took = await timed(() => inParallel(WRITERS, batches.length, store));
    } finally {
      await sql.end({ timeout: 5 });
    }
  }, workers);
  return took;
}

function* numbered(calls: number) {
  let index = 0;
  for (const call of callsOf(calls)) yield eventOf("bench", call, index++);
}
