import { deepStrictEqual, strictEqual } from "node:assert/strict";
import postgres from "postgres";
import { eventually } from "../support/eventually.ts";
import { platform } from "../support/platform-env.ts";

interface Received {
  method: string;
  path: string;
  key: string | null;
  body: string;
}

async function withReceiver(
  run: (sql: postgres.Sql, url: string, received: Received[]) => Promise<void>,
): Promise<void> {
  const received: Received[] = [];
  const hold = Promise.withResolvers<void>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (r) => {
    const { pathname, search } = new URL(r.url);
    if (pathname === "/slow") await hold.promise;
    received.push({
      method: r.method,
      path: pathname + search,
      key: r.headers.get("apikey"),
      body: await r.text(),
    });
    return Response.json({ seen: true });
  });
  const sql = postgres(platform.databaseUrl, { max: 2, onnotice: () => {} });
  try {
    await sql`create extension if not exists pg_net`;
    await run(sql, `http://127.0.0.1:${server.addr.port}`, received);
  } finally {
    hold.resolve();
    await sql.end();
    await server.shutdown();
  }
}

Deno.test("a request is sent once, after its transaction commits", () =>
  withReceiver(async (sql, url, received) => {
    const id = await sql.begin(async (transaction) => {
      const [{ id }] = await transaction<[{ id: string }]>`
        select net.http_post(
          url := ${url + "/wake"}, body := '{"name": "Ωmega"}', params := '{"q": "a b&c"}',
          headers := '{"apikey": "k"}', timeout_milliseconds := 2000
        ) as id
      `;
      // Another connection's request overtakes: ours is not visible before the commit.
      await sql`select net.http_get(${url + "/first"})`;
      await eventually(() => Promise.resolve(strictEqual(received.length, 1)));
      return id;
    });
    await eventually(async () => {
      const rows = await sql`
        select status_code, timed_out, content::jsonb as content
        from net._http_response where id = ${id}
      `;
      deepStrictEqual([...rows], [{ status_code: 200, timed_out: false, content: { seen: true } }]);
    });
    deepStrictEqual(received, [
      { method: "GET", path: "/first", key: null, body: "" },
      { method: "POST", path: "/wake?q=a%20b%26c", key: "k", body: '{"name": "Ωmega"}' },
    ]);
  }));

Deno.test("a request of a transaction that rolled back is never sent", () =>
  withReceiver(async (sql, url, received) => {
    await sql.begin(async (transaction) => {
      await transaction`select net.http_get(${url + "/never"})`;
      throw new Error("roll back");
    }).catch(() => {});
    await sql`select net.http_get(${url + "/after"})`;
    await eventually(() => Promise.resolve(strictEqual(received.length, 1)));
    strictEqual(received[0]?.path, "/after");
  }));

Deno.test("no answer within the timeout is recorded as such", () =>
  withReceiver(async (sql, url) => {
    const [{ id }] = await sql<[{ id: string }]>`
      select net.http_get(${url + "/slow"}, timeout_milliseconds := 100) as id
    `;
    await eventually(async () => {
      const rows = await sql`
        select status_code, timed_out from net._http_response where id = ${id}
      `;
      deepStrictEqual([...rows], [{ status_code: null, timed_out: true }]);
    });
  }));
