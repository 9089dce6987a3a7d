import postgres, { type Sql } from "postgres";
import type { PostgresOptions } from "../../platform/postgres.ts";
import { withDatabaseCopies } from "../support/database-copies.ts";

/** Opens a client of so many connections, one unless given. */
export type Connect = (connections?: number) => Sql;

/** Uses a fresh copy of a migrated database once, by as many connections as are opened. */
export type World = <T>(use: (connect: Connect) => Promise<T>) => Promise<T>;

/** A server of its own, migrated once. */
export function withWorlds<T>(
  engine: PostgresOptions["engine"],
  use: (world: World) => Promise<T>,
): Promise<T> {
  const options = { onnotice: () => {}, prepare: false, connect_timeout: 120 };
  return withDatabaseCopies(
    engine,
    (copy) => use((work) => copy((url) => work((max = 1) => postgres(url, { ...options, max })))),
  );
}
