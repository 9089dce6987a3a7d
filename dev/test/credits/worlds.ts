import postgres, { type Sql } from "postgres";
import { startGuard } from "../../platform/guard.ts";
import { applyMigrations } from "../../platform/migrations.ts";
import { type PostgresOptions, startPostgres } from "../../platform/postgres.ts";

/** Uses a fresh copy of a migrated database once, by as many connections as are opened. */
export type World = <T>(use: (connect: () => Sql) => Promise<T>) => Promise<T>;

/** A server of its own, migrated once. */
export async function withWorlds<T>(
  engine: PostgresOptions["engine"],
  use: (world: World) => Promise<T>,
): Promise<T> {
  const guard = startGuard();
  try {
    const server = await startPostgres({ engine, port: 0, durable: false, guard });
    const admin = postgres(new URL("/template1", server.adminUrl).href, {
      max: 1,
      onnotice: () => {},
    });
    try {
      await applyMigrations(server.databaseUrl);
      let worlds = 0;
      return await use(async (work) => {
        worlds += 1;
        const database = `credits_${worlds}`;
        await admin`create database ${admin(database)} template postgres owner postgres`;
        const url = new URL(`/${database}`, server.databaseUrl).href;
        const options = { max: 1, onnotice: () => {}, prepare: false, connect_timeout: 120 };
        try {
          return await work(() => postgres(url, options));
        } finally {
          await admin`drop database ${admin(database)} with (force)`;
        }
      });
    } finally {
      await admin.end();
      await server.stop();
    }
  } finally {
    await guard.stop();
  }
}
