import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import postgres from "postgres";
import { platform } from "../support/platform-env.ts";

Deno.test("migrations ran as a postgres that is not a superuser, and own what they made", async () => {
  const sql = postgres(platform.databaseUrl, { max: 1 });
  try {
    const [role] = await sql`
      select rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication
      from pg_roles where rolname = current_user
    `;
    deepStrictEqual({ ...role }, {
      rolsuper: false,
      rolcreaterole: true,
      rolcreatedb: true,
      rolbypassrls: true,
      rolreplication: true,
    });
    const [table] = await sql`select tableowner from pg_tables where tablename = 'invoices'`;
    strictEqual(table?.tableowner, "postgres");
  } finally {
    await sql.end();
  }
});

Deno.test("a new table in public is granted to no API role", async () => {
  const sql = postgres(platform.databaseUrl, { max: 1 });
  try {
    await sql.begin(async (transaction) => {
      await transaction`create table public.platform_new (id int)`;
      const granted = await transaction`
        select grantee from information_schema.role_table_grants
        where table_name = 'platform_new' and grantee <> 'postgres'
      `;
      deepStrictEqual([...granted], []);
      throw new Error("roll back");
    }).catch((error: unknown) => match(String(error), /roll back/));
  } finally {
    await sql.end();
  }
});

Deno.test("a secret is read through vault.decrypted_secrets only, and not by API users", async () => {
  const sql = postgres(platform.databaseUrl, { max: 1 });
  const name = `probe ${crypto.randomUUID()}`;
  try {
    const [{ id }] = await sql<[{ id: string }]>`
      select vault.create_secret('first', ${name}) as id
    `;
    await sql`select vault.update_secret(${id}, 'second')`;
    const [row] = await sql`
      select secret, decrypted_secret from vault.decrypted_secrets where name = ${name}
    `;
    strictEqual(row?.decrypted_secret, "second");
    strictEqual(String(row?.secret).includes("second"), false);
    const denied = await sql.begin(async (transaction) => {
      await transaction`set local role authenticated`;
      await transaction`select decrypted_secret from vault.decrypted_secrets`;
    }).then(() => undefined, (error: unknown) => error);
    match(String(denied), /permission denied/);
  } finally {
    await sql.end();
  }
});
