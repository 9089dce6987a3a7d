import postgres, { type Sql } from "postgres";
import { callsOf } from "./june/calls.ts";
import { june2026 } from "./june/june.ts";
import { copyLogs, loadClients } from "./june/load.ts";
import { startGuard } from "../../platform/guard.ts";
import { applyMigrations } from "../../platform/migrations.ts";
import { startPostgres } from "../../platform/postgres.ts";
import { platform } from "./platform-env.ts";

/** A database that no other test sees. */
export interface JuneDatabase {
  readonly sql: Sql;
  /** One more session, as of another person in the SQL editor. Closed with the database. */
  connect(): Sql;
}

/** Who is in it: two that anyone can check, one that cannot be billed, one that used nothing. */
const CLIENTS = ["acme-robotics", "birch", "nimbus-forge", "quiet-pines"];

/** Runs `test` on a database of its own with the June of four clients and usage of nobody. */
export function withJune(test: (june: JuneDatabase) => Promise<void>): Promise<void> {
  return withDatabase(async (database) => {
    await loadJune(database.sql);
    await test(database);
  });
}

/**
 * Runs `test` on a migrated, empty database of its own. A run of the month concerns every client,
 * so tests of it cannot share the platform's.
 */
export async function withDatabase(test: (database: JuneDatabase) => Promise<void>): Promise<void> {
  const guard = startGuard();
  const sessions: Sql[] = [];
  try {
    const server = await startPostgres({
      engine: platform.engine,
      port: 0,
      durable: false,
      guard,
    });
    try {
      await applyMigrations(server.databaseUrl);
      await applyMutant(server.databaseUrl);
      const connect = () => {
        const session = postgres(server.databaseUrl, {
          max: 1,
          onnotice: () => {},
          connection: { "_billing.assert_lock_order": "on" },
        });
        sessions.push(session);
        return session;
      };
      await test({ sql: connect(), connect });
    } finally {
      await Promise.all(sessions.map((session) => session.end({ timeout: 1 })));
      await server.stop();
    }
  } finally {
    await guard.stop();
  }
}

/** `npm run mutate` asks whether these tests notice a slip: a statement in MUTANT_SQL. */
async function applyMutant(databaseUrl: string): Promise<void> {
  const mutant = Deno.env.get("MUTANT_SQL");
  if (mutant === undefined) return;
  const sql = postgres(databaseUrl, { max: 1 });
  await sql.unsafe(mutant).simple();
  await sql.end();
}

async function loadJune(sql: Sql): Promise<void> {
  const june = june2026();
  const clients = june.clients.filter(({ externalId }) => CLIENTS.includes(externalId));
  const agents = clients.flatMap((client) => client.agents);
  const assignments = june.assignments.filter(({ agent }) => agents.includes(agent));
  await loadClients(sql, { ...june, clients, assignments });
  const nobodys = june.posted.filter(({ agent }) => agent === "DRIFTWOOD");
  await copyLogs(sql, [...clients.flatMap(callsOf), ...nobodys], () => {});
}
