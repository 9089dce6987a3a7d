import type { OpenSession } from "../../_shared/api/session.ts";

/**
 * Sessions on a replica, and on the database itself where the replica fails in any way: it is away,
 * it cannot write, a row that has just been made is not there yet, it has cancelled the query to
 * keep up. The work is done again then, so it only reads.
 */
export function replicaFirst(replica: OpenSession, primary: OpenSession): OpenSession {
  return async (caller, work) => {
    try {
      return await replica(caller, work);
    } catch {
      // A request that is wrong is wrong there too, and told from there.
      return await primary(caller, work);
    }
  };
}
