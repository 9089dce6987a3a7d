import type { Sql, TransactionSql } from "postgres";
import type { Caller } from "../http/authenticate.ts";

/** One request's work in the database: a transaction with the caller's rights. */
export interface Session {
  readonly sql: TransactionSql;
  readonly caller: Caller;
  /** From here on as the service, for what members may see but not compute. Check first. */
  asService(): Promise<void>;
}

/** Runs `work` in a transaction of a session; commits when it resolves. */
export type OpenSession = <T extends object>(
  caller: Caller,
  work: (session: Session) => Promise<T>,
) => Promise<T>;

/**
 * Sessions on a connection that may assumeRole the API's roles, as `postgres` may. Members act as
 * `authenticated` with their token's claims, so row level security decides what they see; all
 * others as `service_role`, whose grants bound them. The database speaks UTC. A member who was
 * invited by a confirmed address accepts with the first request.
 */
export function sessionsOn(sql: Sql): OpenSession {
  return async (caller, work) => {
    // In a box: what `begin` resolves with is typed for arrays of queries.
    const { value } = await sql.begin(async (transaction) => {
      await assumeRole(transaction, caller);
      const asService = async () => {
        await transaction`select set_config('role', 'service_role', true)`;
      };
      return { value: await work({ sql: transaction, caller, asService }) };
    });
    return value;
  };
}

/** The database's role that a caller acts as. */
export function roleOf({ actor }: Caller): "authenticated" | "service_role" {
  return actor === "member" ? "authenticated" : "service_role";
}

async function assumeRole(sql: TransactionSql, caller: Caller): Promise<void> {
  const role = roleOf(caller);
  await sql`
    select set_config('request.jwt.claims', ${JSON.stringify(caller.claims ?? { role })}, true),
      set_config('billing.actor', ${caller.name}, true),
      set_config('timezone', 'UTC', true),
      set_config('statement_timeout', ${role === "authenticated" ? "8s" : "60s"}, true),
      set_config('role', ${role}, true)
      ${role === "authenticated" ? sql`, billing.accept_invitations()` : sql``}`;
}
