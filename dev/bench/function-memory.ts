import type { Platform } from "../platform/platform.ts";
import { type Figure, whole } from "./figure.ts";
import { inParallel } from "./parallel.ts";
import { cpuSeconds, functionPid, peakMegabytes } from "./processes.ts";
import { openSql } from "./world.ts";

const AT_ONCE = 4;

/** What a function held at most and used per request. */
export interface FunctionCost {
  readonly name: string;
  readonly megabytes: number;
  readonly cpuMs: number;
}

/**
 * `function_memory`: the functions with most to do, each under four callers at once, on the month
 * of the clients that `reference` has left. `measured` are those that have been measured already.
 */
export async function measureFunctionMemory(
  platform: Platform,
  measured: readonly FunctionCost[],
): Promise<Figure[]> {
  const sql = openSql(platform.urls.database);
  const { secret, cronSecret } = platform.keys;
  let ids: string[];
  try {
    await sql`select billing.run_monthly('2026-07-01 09:00+00')`;
    const rows = await sql<{ id: string }[]>`select id from public.invoices order by number`;
    ids = rows.map(({ id }) => id);
  } finally {
    await sql.end({ timeout: 1 });
  }
  const ask = (path: string, key: string, body?: object) =>
    fetch(`${platform.urls.api}/functions/v1/${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { apikey: key, "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  const reads = ids.flatMap((id) => [
    "billing/clients?limit=100",
    "billing/usage?start=2026-06-01&end=2026-06-30",
    "billing/invoices?limit=100",
    `billing/invoices/${id}`,
  ]);
  const drawn = [...ids, ...ids, ...ids];
  const costs = [
    ...measured,
    await costOf("billing", reads.length, (index) => ask(reads[index] ?? "", secret)),
    await costOf(
      "render-invoice",
      drawn.length,
      (index) => ask("render-invoice", secret, { invoice_id: drawn[index] }),
    ),
    await costOf("deliver", AT_ONCE * 2, () => ask("deliver", cronSecret, {})),
  ];
  return [{
    key: "function_memory",
    what: "the most that any function's process has held under four callers at once",
    floor: "none",
    value: Math.max(...costs.map(({ megabytes }) => megabytes)),
    unit: "MB",
    target: { atMost: 150 },
    also: [{
      what: "under 1 s of CPU a request",
      holds: costs.every(({ cpuMs }) => cpuMs < 1000),
    }],
    detail: costs.map(({ name, megabytes, cpuMs }) =>
      `${name} ${whole(megabytes)} MB, ${whole(cpuMs)} ms of CPU a request`
    ).join("; "),
  }];
}

async function costOf(
  name: string,
  requests: number,
  ask: (index: number) => Promise<Response>,
): Promise<FunctionCost> {
  const call = async (index: number) => {
    const response = await ask(index);
    const text = await response.text();
    if (!response.ok) throw new Error(`${name}: ${response.status} ${text}`);
  };
  await call(0);
  const pid = await functionPid(name) ?? 0;
  const before = await cpuSeconds(pid);
  await inParallel(AT_ONCE, requests, call);
  return {
    name,
    megabytes: await peakMegabytes(pid),
    cpuMs: (await cpuSeconds(pid) - before) * 1000 / requests,
  };
}
