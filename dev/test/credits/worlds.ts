import postgres, { type Sql } from "postgres";
import type { PostgresOptions } from "../../platform/postgres.ts";
import { withDatabaseCopies } from "../support/database-copies.ts";

/** Uses a fresh copy of a migrated database once, by as many connections as are opened. */
export type World = <T>(use: (connect: () => Sql) => Promise<T>) => Promise<T>;

/** A server of its own, migrated once. */
export function withWorlds<T>(
  engine: PostgresOptions["engine"],
  use: (world: World) => Promise<T>,
): Promise<T> {
  const options = { max: 1, onnotice: () => {}, prepare: false, connect_timeout: 120 };
  return withDatabaseCopies(
    engine,
    (copy) => use((work) => copy((url) => work(() => postgres(url, options)))),
  );
}
