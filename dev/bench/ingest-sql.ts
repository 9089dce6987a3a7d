import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { alternate, type Figure, perSecond, timed, whole } from "./figure.ts";
import type { Sizes } from "./sizes.ts";
import { addClients, addLogs, type BenchDatabase, type Sql } from "./world.ts";

const BATCH = 1000;

/** The columns that an agent sends. */
const COLUMNS = `agent, endpoint, model, input_tokens, output_tokens, web_searches, other_features,
  input_cost, output_cost, feature_cost, total_cost, metadata, "timestamp"`;

/** `ingest_sql`: logged rows in batches of 1,000 against COPY of them into a bare table. */
export async function measureIngestSql(db: BenchDatabase, sizes: Sizes): Promise<Figure[]> {
  const { sql } = db;
  await addClients(sql, 1000);
  await stageRows(sql, sizes.ingestRows);
  const text = await copyOut(sql);
  const measured = await alternate(
    Math.max(sizes.rounds, 3),
    () => insertAll(sql, sizes.ingestRows),
    () => copyIn(sql, text),
  );
  return [{
    key: "ingest_sql",
    what: `rows into agent_usage_logs, ${whole(BATCH)} a transaction, ids by the server`,
    floor: "COPY of the same rows into an unindexed copy of the table",
    value: measured.floor / measured.ours,
    unit: "×",
    target: { atLeast: 0.4 },
    detail: `${perSecond(sizes.ingestRows, measured.ours)} of ` +
      `${perSecond(sizes.ingestRows, measured.floor)}, one connection, ` +
      `${whole(sizes.ingestRows)} rows`,
  }];
}

/** The rows once, numbered, outside of the log; and the bare table that is the floor. */
async function stageRows(sql: Sql, rows: number): Promise<void> {
  await addLogs(sql, rows, 1000);
  await sql.unsafe(`
    create unlogged table public.bench_rows as
      select row_number() over (order by seq) as n, ${COLUMNS} from public.agent_usage_logs;
    create index on public.bench_rows (n);
    create table public.bench_bare (like public.agent_usage_logs);
    alter table public.bench_bare alter id drop not null, alter created_at drop not null,
      alter seq drop not null, alter calls drop not null;
    analyze public.bench_rows`);
}

async function insertAll(sql: Sql, rows: number): Promise<number> {
  return await timed(async () => {
    for (let start = 0; start < rows; start += BATCH) {
      await sql.unsafe(
        `insert into public.agent_usage_logs (${COLUMNS}) select ${COLUMNS}
          from public.bench_rows where n > $1 and n <= $2`,
        [start, start + BATCH],
        { prepare: true },
      );
    }
  });
}

async function copyOut(sql: Sql): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  const rows = await sql.unsafe(
    `copy (select ${COLUMNS} from public.bench_rows order by n) to stdout`,
  ).readable();
  // Flowing: read in turns the driver's stream stops for good after some megabytes.
  rows.on("data", (chunk: Uint8Array) => chunks.push(chunk));
  await new Promise((resolve, reject) => rows.on("end", resolve).on("error", reject));
  return chunks;
}

async function copyIn(sql: Sql, chunks: readonly Uint8Array[]): Promise<number> {
  await sql`truncate public.bench_bare`;
  return await timed(async () => {
    const copy = await sql.unsafe(`copy public.bench_bare (${COLUMNS}) from stdin`).writable();
    await pipeline(Readable.from(joined(chunks)), copy);
  });
}

/** Pieces of about a megabyte: the driver's own pieces are single rows. */
function* joined(chunks: readonly Uint8Array[]): Generator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let size = 0;
  for (const chunk of chunks) {
    parts.push(chunk);
    size += chunk.length;
    if (size > 1_000_000) {
      yield join(parts, size);
      parts = [];
      size = 0;
    }
  }
  yield join(parts, size);
}

function join(parts: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
