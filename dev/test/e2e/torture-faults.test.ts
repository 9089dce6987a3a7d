import { deepStrictEqual, ok } from "node:assert/strict";
import postgres, { type Sql } from "postgres";
import { startGuard } from "../../platform/guard.ts";
import { applyMigrations } from "../../platform/migrations.ts";
import { startPostgres } from "../../platform/postgres.ts";
import { surviveLostConnections } from "../../platform/client-errors.ts";
import { FAULTS, plant } from "../../torture/faults.ts";
import { SMALL_SETTINGS, smallTorture } from "../../torture/small.ts";
import { platform } from "../support/platform-env.ts";

const SEED = 8;
const ACTS = 30;
/** Copies of the database that are tortured at once. */
const AT_ONCE = 2;

// The faults are in SQL and so are the checks' subjects: one engine tells as much as two.
if (platform.engine === "embedded") {
  // A session that is ended is written to once more by the PostgreSQL client.
  surviveLostConnections();
  Deno.test("torture finds nothing in sound books, and each fault that is planted", () =>
    withCopies(async (copy) => {
      deepStrictEqual(await copy("sound", (sql) => smallTorture(sql, SEED, ACTS)), []);
      const waiting = [...FAULTS];
      const work = async () => {
        for (let fault = waiting.shift(); fault !== undefined; fault = waiting.shift()) {
          const { name, check, acts = ACTS } = fault;
          const planted = fault;
          const began = performance.now();
          const found = await copy(name, async (sql) => {
            await plant(sql, planted);
            return await smallTorture(sql, SEED, acts);
          });
          const checks = new Set(found.map((violation) => violation.check));
          ok(checks.has(check), `${name}: found by ${[...checks].join(", ") || "none"}`);
          const seconds = Math.round((performance.now() - began) / 1000);
          console.log(`${name}: found after ${seconds} s by ${[...checks].join(", ")}`);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, work));
    }));
}

type Copy = <T>(name: string, use: (sql: Sql) => Promise<T>) => Promise<T>;

/** A server of its own, migrated once; each copy of it is used once. */
async function withCopies(use: (copy: Copy) => Promise<void>): Promise<void> {
  const guard = startGuard();
  try {
    const server = await startPostgres({
      engine: platform.engine,
      port: 0,
      durable: false,
      guard,
    });
    try {
      await applyMigrations(server.databaseUrl);
      await use(async (name, test) => {
        const admin = postgres(new URL("/template1", server.adminUrl).href, { max: 1 });
        const database = name.replaceAll(" ", "_").slice(0, 60);
        await admin`create database ${admin(database)} template postgres owner postgres`;
        await admin.end();
        const url = new URL(`/${database}`, server.databaseUrl).href;
        const options = { max: 6, onnotice: () => {}, connection: SMALL_SETTINGS };
        const sql = postgres(url, options);
        return await test(sql).finally(() => sql.end({ timeout: 10 }));
      });
    } finally {
      await server.stop();
    }
  } finally {
    await guard.stop();
  }
}
