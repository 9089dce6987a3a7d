import type { OpenSession, Session } from "../../_shared/api/session.ts";

/** The clients that the caller is a member of, as the database of the session knows them. */
export type ReadMemberships = (session: Session) => Promise<{ readonly clients: string }>;

/**
 * Sessions on a replica, and on the database itself where the replica fails in any way: it is away,
 * it cannot write, a row that has just been made is not there yet, it has cancelled the query to
 * keep up. The work is done again then, so it only reads. Answers may lag, access does not: a member
 * reads from a replica that has the member's clients as the database has them.
 */
export function replicaFirst(
  replica: OpenSession,
  primary: OpenSession,
  memberships: ReadMemberships = readMemberships,
): OpenSession {
  return async (caller, work) => {
    const now = caller.actor === "member" ? await primary(caller, memberships) : null;
    try {
      return await replica(caller, async (session) => {
        if (now !== null && (await memberships(session)).clients !== now.clients) {
          throw new Error("the replica has other memberships");
        }
        return await work(session);
      });
    } catch {
      // A request that is wrong is wrong there too, and told from there.
      return await primary(caller, work);
    }
  };
}

async function readMemberships({ sql }: Session): Promise<{ clients: string }> {
  const [row] = await sql<{ clients: string | null }[]>`
    select string_agg(c::text, ',' order by c) as clients from unnest(billing.my_clients()) c`;
  return { clients: row?.clients ?? "" };
}
