import { join } from "node:path";
import { z } from "zod";
import { hostedEnv } from "../platform/function-env.ts";
import { startFunction } from "../platform/function-process.ts";
import { startGuard } from "../platform/guard.ts";
import type { Platform } from "../platform/platform.ts";
import { repositoryRoot } from "../platform/repository.ts";
import { alternate, type Figure, median, perSecond, timed, whole } from "./figure.ts";
import type { FunctionCost } from "./function-memory.ts";
import { inParallel } from "./parallel.ts";
import { printTroubles } from "./print-troubles.ts";
import { cpuSeconds, peakMegabytes } from "./processes.ts";
import type { Sizes } from "./sizes.ts";
import { measureWebhook } from "./webhook.ts";
import { addClients, addLogs, openSql, type Sql } from "./world.ts";

const BATCH = 500;
const AT_ONCE = 4;

/** What a script that sums needs of a row. */
const LogRows = z.array(z.object({
  model: z.string(),
  input_tokens: z.union([z.number(), z.string()]),
  metadata: z.object({ client_id: z.string() }),
}));

/** `ingest_http`: batches through the function against the same batches straight into SQL. */
export async function measureIngestHttp(
  platform: Platform,
  sizes: Sizes,
  tell: (cost: FunctionCost) => void,
): Promise<Figure[]> {
  const guard = startGuard();
  const connections = Array.from({ length: AT_ONCE }, () => openSql(platform.urls.database));
  try {
    const ingest = await startFunction(
      "ingest-usage",
      {
        directory: join(repositoryRoot, "supabase", "functions"),
        deno: "current",
        env: hostedEnv(platform.urls.api, platform.urls.database),
        guard,
      },
      printTroubles("ingest-usage"),
      () => {},
    );
    const post = async (batch: number) => {
      const response = await fetch(`${ingest.url}ingest-usage`, {
        method: "POST",
        headers: { apikey: platform.keys.agentSecret, "content-type": "application/json" },
        body: eventsOf(batch),
      });
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
      await response.body?.cancel();
    };
    const call = async (batch: number, connection: number) => {
      await connections[connection]?.unsafe("select * from billing.ingest_usage($1::text::jsonb)", [
        eventsOf(batch),
      ]);
    };
    const batches = sizes.httpEvents / BATCH;
    await inParallel(AT_ONCE, AT_ONCE * 4, post);
    const before = await cpuSeconds(ingest.pid);
    const measured = await alternate(
      sizes.rounds,
      () => timed(() => inParallel(AT_ONCE, batches, post)),
      () => timed(() => inParallel(AT_ONCE, batches, call)),
    );
    const cpu = (await cpuSeconds(ingest.pid) - before) / (batches * sizes.rounds);
    const memory = await peakMegabytes(ingest.pid);
    tell({ name: "ingest-usage", megabytes: memory, cpuMs: cpu * 1000 });
    return [{
      key: "ingest_http",
      what: `events/s through ingest-usage, batches of ${BATCH}`,
      floor: "the same batches straight into billing.ingest_usage",
      value: measured.floor / measured.ours,
      unit: "×",
      target: { atLeast: 0.55 },
      also: [
        { what: "under 1 s of CPU a request", holds: cpu < 1 },
        { what: "memory under 150 MB", holds: memory < 150 },
      ],
      detail: `${perSecond(sizes.httpEvents, measured.ours)} of ` +
        `${perSecond(sizes.httpEvents, measured.floor)}, ${AT_ONCE} at once; function: ` +
        `${Math.round(cpu * 1000)} ms of CPU a request, peak ${whole(memory)} MB`,
    }];
  } finally {
    await Promise.all(connections.map((sql) => sql.end({ timeout: 1 })));
    await guard.stop();
  }
}

function eventsOf(batch: number): string {
  return JSON.stringify(Array.from({ length: BATCH }, (_, index) => ({
    agent: `AGENT-${index % 50}`,
    endpoint: "deep-research",
    model: "claude-sonnet-4-20250514",
    input_tokens: 1000 + batch,
    output_tokens: index,
    web_searches: 1,
    other_features: index % 10 === 0 ? { pdf_processing: 3 } : {},
    total_cost: 0.00885,
    metadata: { client_id: "nobody-yet" },
    timestamp: "2026-06-03T14:21:07.123456",
  })));
}

/** `webhook`: verified and stored Stripe events against a handler that only inserts. */
export async function measureWebhooks(
  platform: Platform,
  sizes: Sizes,
  tell: (cost: FunctionCost) => void,
): Promise<Figure[]> {
  const rounds = [];
  for (let round = 0; round < sizes.rounds; round++) {
    rounds.push(await measureWebhook(platform, sizes.webhookEvents));
  }
  const ours = median(rounds.map(({ webhook }) => webhook));
  const floor = median(rounds.map(({ bareInsert }) => bareInsert));
  const megabytes = Math.max(...rounds.map((round) => round.megabytes));
  const cpuMs = median(rounds.map((round) => round.cpuMs));
  tell({ name: "stripe-webhook", megabytes, cpuMs });
  return [{
    key: "webhook",
    what: "Stripe events verified and stored",
    floor: "a bare handler that inserts the body",
    value: ours / floor,
    unit: "×",
    target: { atLeast: 0.6 },
    detail: `${perSecond(ours, 1000)} of ${perSecond(floor, 1000)}`,
  }];
}

/** `reference`: 20 clients' usage in SQL against reading every row over the Data API. */
export async function measureReference(platform: Platform, sizes: Sizes): Promise<Figure[]> {
  const sql = openSql(platform.urls.database);
  try {
    await addClients(sql, 20);
    await addLogs(sql, sizes.referenceRows, 20);
    await sql`analyze`;
    const rounds: number[] = [];
    for (let round = 0; round < sizes.rounds; round++) {
      await sql`begin`;
      rounds.push(await timed(() => sumInDatabase(sql, sizes.referenceRows)));
      await sql`rollback`;
    }
    const ours = median(rounds);
    const floor = await timed(() => sumOverApi(platform));
    return [{
      key: "reference",
      what: "from logs to the totals of 20 clients in the caller's hands: faster than",
      floor: "reading all rows by the Data API, page by page, and summing in the client",
      value: floor / ours,
      unit: "×",
      target: { atLeast: 50 },
      detail: `${(ours / 1000).toFixed(2)} s against ${(floor / 1000).toFixed(1)} s, ` +
        `${whole(sizes.referenceRows)} logs`,
    }];
  } finally {
    await sql`select _billing.rollup()`;
    await sql.end({ timeout: 1 });
  }
}

/** From logs that nobody has counted yet to the totals in our hands. */
async function sumInDatabase(sql: Sql, rows: number): Promise<void> {
  const [counted] = await sql<{ rollup: string }[]>`select _billing.rollup()`;
  if (Number(counted?.rollup) !== rows) throw new Error(`not ${rows} logs to count`);
  await sql`select client_id, model, metric, sum(quantity) from public.usage_records
    where usage_day >= '2026-06-01' and usage_day < '2026-07-01' group by 1, 2, 3`;
}

/** The obvious script: a month's rows by `range(from, to)`, as the documentation shows it. */
async function sumOverApi(platform: Platform): Promise<void> {
  const page = 1000;
  const sums = new Map<string, number>();
  for (let offset = 0;; offset += page) {
    const response = await fetch(
      `${platform.urls.api}/rest/v1/agent_usage_logs?select=*&timestamp=gte.2026-06-01` +
        `&timestamp=lt.2026-07-01&order=id&limit=${page}&offset=${offset}`,
      { headers: { apikey: platform.keys.secret } },
    );
    const rows = LogRows.parse(await response.json());
    for (const row of rows) {
      const key = `${row.metadata.client_id} ${row.model}`;
      sums.set(key, (sums.get(key) ?? 0) + Number(row.input_tokens));
    }
    if (rows.length < page) return;
  }
}
