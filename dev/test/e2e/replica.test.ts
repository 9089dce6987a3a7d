import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import postgres, { type Sql } from "postgres";
import { z } from "zod";
import { type Platform, startPlatform } from "../../platform/platform.ts";
import { type Headers, tokenHeaders } from "../access/actors.ts";
import { withDatabaseCopies } from "../support/database-copies.ts";
import { platform as shared } from "../support/platform-env.ts";

const HERE = "00000000-0000-4000-8000-00000000000a";
const NEW = "00000000-0000-4000-8000-00000000000b";
const ADA = "00000000-0000-4000-8000-00000000000c";
const BEN = "00000000-0000-4000-8000-00000000000d";

/** A database of its own stands for a replica: what it has is told from what the other has. */
Deno.test("usage, its comparison and payouts come from REPLICA_URL, all else from the database", () =>
  withDatabaseCopies(shared.engine, (copy) =>
    copy(async (url) => {
      const platform = await startPlatform({ engine: shared.engine, env: { REPLICA_URL: url } });
      const sql = postgres(platform.urls.database, { max: 1, onnotice: () => {} });
      const replica = postgres(url, { max: 1, onnotice: () => {} });
      try {
        await addUsage(sql, HERE, "Here", 5);
        await addUsage(sql, NEW, "New", 6);
        await addUsage(replica, HERE, "Behind", 7);
        await addMembers(sql, [ADA, BEN], HERE);
        await addMembers(replica, [ADA, BEN], HERE);
        await sql`delete from public.client_members where user_id = ${BEN}`;
        await makeReadOnly(replica);
        const get = getterOf(platform, { apikey: platform.keys.secret });
        const days = "start=2026-06-01&end=2026-06-30";
        deepStrictEqual(quantities(await get(`clients/${HERE}/usage?${days}`)), ["7"]);
        deepStrictEqual(quantities(await get(`usage?${days}`)), ["7"]);
        deepStrictEqual(
          Differences.parse(await get(`reconciliation?${days}`)).data.map((d) => d.recorded),
          ["7"],
        );
        strictEqual(Client.parse(await get(`clients/${HERE}`)).name, "Here");
        // Not there yet, so the database itself is asked.
        deepStrictEqual(quantities(await get(`clients/${NEW}/usage?${days}`)), ["6"]);
        const [asAda, asBen] = [await tokenHeaders(ADA), await tokenHeaders(BEN)];
        const paths = [
          `clients/${HERE}/usage?${days}`,
          `clients/${HERE}/calls?day=2026-06-03&agent=A`,
        ];
        deepStrictEqual(quantities(await getterOf(platform, asAda)(paths[0] ?? "")), ["7"]);
        // Removed, which the replica does not know yet.
        for (const path of paths) strictEqual(await statusOf(platform, path, asBen), 404, path);
      } finally {
        await Promise.all([sql.end(), replica.end()]);
        await platform.stop();
      }
    })));

const Usage = z.object({ data: z.array(z.object({ quantity: z.string() })) });
const Differences = z.object({ data: z.array(z.object({ recorded: z.string().nullable() })) });
const Client = z.object({ name: z.string() });
const quantities = (answer: unknown) => Usage.parse(answer).data.map(({ quantity }) => quantity);

function getterOf({ urls }: Platform, headers: Headers): (path: string) => Promise<unknown> {
  return async (path) => {
    const answer = await fetch(`${urls.api}/functions/v1/billing/${path}`, { headers });
    ok(answer.ok, `${path}: ${answer.status}`);
    return await answer.json();
  };
}

async function statusOf({ urls }: Platform, path: string, headers: Headers): Promise<number> {
  const answer = await fetch(`${urls.api}/functions/v1/billing/${path}`, { headers });
  await answer.body?.cancel();
  return answer.status;
}

async function addMembers(sql: Sql, users: readonly string[], client: string): Promise<void> {
  for (const user of users) {
    await sql`insert into auth.users (id) values (${user})`;
    await sql`insert into public.client_members (client_id, user_id) values (${client}, ${user})`;
  }
}

async function addUsage(sql: Sql, id: string, name: string, quantity: number): Promise<void> {
  await sql`insert into public.clients (id, name, started_on) values (${id}, ${name}, '2026-06-01')`;
  await sql`insert into public.usage_records
    (client_id, usage_day, model, metric, agent, quantity, provider_cost, log_count)
    values (${id}, '2026-06-03', 'gpt-4o', 'input_tokens', 'AGENT', ${quantity}, 0, 1)`;
}

async function makeReadOnly(sql: Sql): Promise<void> {
  const [row] = await sql<{ name: string }[]>`select current_database() as name`;
  await sql`alter database ${sql(row?.name ?? "")} set default_transaction_read_only = on`;
}
