import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { randomUUID } from "node:crypto";
import postgres, { type ISql, type Sql } from "postgres";
import { eventually } from "../support/eventually.ts";
import { type JuneDatabase, withDatabase } from "../support/june-database.ts";

/** Acts on members of one client at the same time: two admins, an admin and who accepts. */

/** A client with two admins, a session of each, and one that looks on. */
interface TwoAdmins {
  readonly client: string;
  readonly ada: string;
  readonly ben: string;
  readonly ofAda: Sql;
  readonly ofBen: Sql;
  readonly sql: Sql;
}

async function twoAdmins({ sql, connect }: JuneDatabase): Promise<TwoAdmins> {
  const [client, ada, ben] = [randomUUID(), randomUUID(), randomUUID()];
  await sql`
    insert into public.clients (id, name, started_on) values (${client}, ${client}, '2026-06-01')`;
  await sql`insert into auth.users (id) values (${ada}), (${ben})`;
  await sql`
    insert into public.client_members (client_id, user_id, role)
    values (${client}, ${ada}, 'admin'), (${client}, ${ben}, 'admin')`;
  const signedIn = async (user: string) => {
    const session = connect();
    const claims = JSON.stringify({ sub: user, role: "authenticated" });
    await session`select set_config('request.jwt.claims', ${claims}, false)`;
    return session;
  };
  return { client, ada, ben, ofAda: await signedIn(ada), ofBen: await signedIn(ben), sql };
}

const remove = (sql: ISql, client: string, user: string) =>
  sql`select billing.remove_member(${client}, ${user})`;
const stepDown = (sql: ISql, client: string, user: string) =>
  sql`select billing.set_member_role(${client}, ${user}, 'viewer')`;

/** While the first holds its transaction open the second waits; the code that it is refused by. */
async function refusedSecond(
  { sql, ofAda, ofBen }: TwoAdmins,
  first: (sql: ISql) => PromiseLike<unknown>,
  second: (sql: ISql) => PromiseLike<unknown>,
): Promise<string> {
  const [session] = await ofBen<{ pid: number }[]>`select pg_backend_pid() as pid`;
  const { answer } = await ofAda.begin(async (held) => {
    await first(held);
    const answer = (async () => {
      try {
        await second(ofBen);
        return "done";
      } catch (error) {
        return error instanceof postgres.PostgresError ? error.detail ?? error.message : "?";
      }
    })();
    await eventually(async () => {
      const [waiting] = await sql<{ waits: boolean }[]>`
        select cardinality(pg_blocking_pids(${session?.pid ?? 0})) > 0 as waits`;
      strictEqual(waiting?.waits, true, "the second waits for the first");
    });
    return { answer };
  });
  return await answer;
}

async function admins({ sql, client }: TwoAdmins): Promise<string[]> {
  const rows = await sql<{ user_id: string }[]>`
    select user_id from public.client_members
    where client_id = ${client} and role = 'admin' order by user_id`;
  return rows.map(({ user_id }) => user_id);
}

const WAYS = [["leave", remove], ["step down", stepDown]] as const;

Deno.test("of the last two admins who leave or step down at once one is refused", () =>
  withDatabase(async (database) => {
    for (const [name, leave] of WAYS) {
      const two = await twoAdmins(database);
      const { client, ada, ben } = two;
      const code = await refusedSecond(
        two,
        (sql) => leave(sql, client, ada),
        (sql) => leave(sql, client, ben),
      );
      strictEqual(code, "last_admin", name);
      deepStrictEqual(await admins(two), [ben], name);
    }
    // Of two admins who make each other leave one is refused, too.
    for (const [name, leave] of WAYS) {
      const two = await twoAdmins(database);
      const { client, ada, ben } = two;
      const code = await refusedSecond(
        two,
        (sql) => leave(sql, client, ben),
        (sql) => leave(sql, client, ada),
      );
      strictEqual(code, "role_required", name);
      deepStrictEqual(await admins(two), [ada], name);
    }
  }));

Deno.test("a role that an admin raises while an invitation is accepted is not lowered by it", () =>
  withDatabase(async (database) => {
    const two = await twoAdmins(database);
    const { sql, client, ada, ben } = two;
    await sql`
      update auth.users set email = 'ben@example.test', email_confirmed_at = now()
      where id = ${ben}`;
    await sql`update public.client_members set role = 'viewer' where user_id = ${ben}`;
    await sql`
      insert into billing.member_invitations (client_id, email, role)
      values (${client}, 'ben@example.test', 'billing')`;
    const code = await refusedSecond(
      two,
      (sql) => sql`select billing.set_member_role(${client}, ${ben}, 'admin')`,
      (sql) => sql`select billing.accept_invitations()`,
    );
    strictEqual(code, "done");
    deepStrictEqual(await admins(two), [ada, ben].sort());
    deepStrictEqual([...await sql`select from billing.member_invitations`], []);
  }));
