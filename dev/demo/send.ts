import { createClient } from "@supabase/supabase-js";
import { type DemoLog, wireBody } from "../test/support/june/log.ts";

/** Where the Data API is, and the secret key that agents hold. */
export interface DataApi {
  readonly url: string;
  readonly secretKey: string;
}

const AT_ONCE = 8;
const ROWS_PER_INSERT = 50;
const TIMEOUT_MS = 5000;

/**
 * Posts rows one by one, exactly as agents do. Throws on any answer an agent would only print:
 * a rejected row is revenue lost.
 */
export async function postLogs(
  api: DataApi,
  logs: readonly DemoLog[],
  tell: (rows: number) => void,
): Promise<void> {
  let done = 0;
  await inParallel(logs, async (log) => {
    const { status, text } = await postLog(api, log);
    if (status !== 200 && status !== 201) throw new Error(`row refused: ${status} ${text}`);
    tell(done += 1);
  });
}

/** Sends rows again whose ids are stored. Throws unless each is answered as a conflict. */
export async function resendLogs(api: DataApi, logs: readonly DemoLog[]): Promise<void> {
  await inParallel(logs, async (log) => {
    const { status, text } = await postLog(api, log);
    if (status !== 409) throw new Error(`a known id was answered with ${status} ${text}`);
  });
}

/** Inserts rows in batches with supabase-js. Throws when one is refused. */
export async function insertLogs(
  api: DataApi,
  logs: readonly DemoLog[],
  tell: (rows: number) => void,
): Promise<void> {
  const client = createClient(api.url, api.secretKey, { auth: { persistSession: false } });
  for (let start = 0; start < logs.length; start += ROWS_PER_INSERT) {
    const batch = logs.slice(start, start + ROWS_PER_INSERT);
    const { error } = await client.from("agent_usage_logs").insert(batch.map(wireBody));
    if (error !== null) throw new Error(`batch refused: ${error.code} ${error.message}`);
    tell(start + batch.length);
  }
}

async function postLog({ url, secretKey }: DataApi, log: DemoLog) {
  const response = await fetch(`${url}/rest/v1/agent_usage_logs`, {
    method: "POST",
    headers: {
      apikey: secretKey,
      Authorization: `Bearer ${secretKey}`,
      "Content-Type": "application/json",
      Prefer: "return=minimal",
    },
    body: JSON.stringify(wireBody(log)),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  return { status: response.status, text: await response.text() };
}

/** Runs `work` over the items, some at once; the first error ends it. */
async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
