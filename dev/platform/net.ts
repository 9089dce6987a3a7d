import postgres from "postgres";
import { z } from "zod";

/** What pg_net's background worker does: sends what committed transactions queued. */
export interface NetWorker {
  /** Stops taking requests and gives those under way up. */
  stop(): Promise<void>;
}

const requestSchema = z.object({
  id: z.string(),
  method: z.string(),
  url: z.string(),
  headers: z.record(z.string(), z.string()).nullable(),
  body: z.instanceof(Uint8Array).nullable(),
  timeout_milliseconds: z.number(),
});
type NetRequest = z.infer<typeof requestSchema>;

/**
 * Works the queue until stopped. A request leaves the queue before it is sent, so it is sent at
 * most once, like the real one: no retries, and lost if we die. Answers stay for six hours.
 */
export async function startNet(adminUrl: string): Promise<NetWorker> {
  const sql = postgres(adminUrl, { max: 4, onnotice: () => {} });
  const stopping = new AbortController();
  const underWay = new Set<Promise<void>>();
  const work = async () => {
    for (const request of await takeRequests(sql)) {
      const sent = send(sql, request, stopping.signal);
      underWay.add(sent);
      sent.finally(() => underWay.delete(sent)).catch(() => {});
    }
  };
  await sql.listen("platform_net", () => {
    work().catch((error: unknown) => {
      if (!stopping.signal.aborted) console.error("net:", error);
    });
  });
  await work();
  return {
    stop: async () => {
      stopping.abort();
      await Promise.allSettled(underWay);
      await sql.end({ timeout: 1 });
    },
  };
}

async function takeRequests(sql: postgres.Sql): Promise<NetRequest[]> {
  const [{ installed }] = await sql<[{ installed: boolean }]>`
    select to_regclass('net.http_request_queue') is not null as installed
  `;
  if (!installed) return [];
  await sql`delete from net._http_response where created < now() - interval '6 hours'`;
  const rows = await sql`
    delete from net.http_request_queue
    where id in (
      select id from net.http_request_queue order by id limit 200 for update skip locked
    )
    returning id, method, url, headers, body, timeout_milliseconds
  `;
  return z.array(requestSchema).parse([...rows]);
}

async function send(sql: postgres.Sql, request: NetRequest, stop: AbortSignal): Promise<void> {
  const timeout = AbortSignal.timeout(request.timeout_milliseconds);
  try {
    const response = await fetch(request.url, {
      method: request.method,
      headers: request.headers ?? {},
      body: request.body === null ? undefined : new Uint8Array(request.body),
      signal: AbortSignal.any([timeout, stop]),
    });
    const content = await response.text();
    const headers = JSON.stringify(Object.fromEntries(response.headers));
    await sql`
      insert into net._http_response (id, status_code, content_type, headers, content, timed_out)
      values (
        ${request.id}, ${response.status}, ${response.headers.get("content-type")},
        ${headers}::text::jsonb, ${content}, false
      )
    `;
  } catch (error) {
    if (stop.aborted) return;
    const message = error instanceof Error ? error.message : String(error);
    await sql`
      insert into net._http_response (id, timed_out, error_msg)
      values (${request.id}, ${timeout.aborted}, ${message})
    `;
  }
}
