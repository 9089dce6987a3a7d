/** Plants mistakes, one by one, and lives worlds until the law that each breaks is broken. */
import type { Sql } from "postgres";
import type { Transactions } from "../cases/rolled-back.ts";
import type { Fault } from "../../torture/faults.ts";
import { plantInto } from "./faults.ts";
import { live } from "./history.ts";
import { type Hunt, hunt, worldAt } from "./hunt.ts";

export type Search =
  & Pick<Hunt, "profile" | "seed" | "first" | "longest" | "clients" | "secondsToShrink">
  & { readonly mayGoOn: (worlds: number) => boolean };

export interface Sought {
  /** Worlds that it took, with the one that found it. */
  readonly worlds: number;
  readonly clientMonths: number;
  /** Found: its law was broken, and the same world keeps it without the fault. */
  readonly end: "found" | "NOT FOUND" | "BROKEN WITHOUT IT";
}

/** `sql` is another session than the database's: it may stand still in the middle of a world. */
export async function findFault(
  database: Transactions,
  sql: Sql,
  fault: Fault,
  search: Search,
): Promise<Sought> {
  const asks = (law: string) => law === fault.check;
  const takeOut = await plantInto(sql, fault);
  const { worlds, clientMonths, found: [found] } = await hunt(database, {
    ...search,
    asks,
    mayGoOn: (lived, broken) => broken.length === 0 && search.mayGoOn(lived),
  }).finally(takeOut);
  if (found === undefined || found.failure.law !== fault.check) {
    return { worlds, clientMonths, end: "NOT FOUND" };
  }
  const without = await database.rolledBack((own) => live(own, worldAt(search, found.place), asks));
  const end = without.failure === null ? "found" : "BROKEN WITHOUT IT";
  return { worlds, clientMonths, end };
}
