import { type Day, localDays, parseInstant } from "./calendar.ts";
import { type ExactJson, member, parseExactJson, textOf } from "./json.ts";
import type { ClientRow, LogRow, World } from "./world.ts";

/** Whose a log row is and on which of that client's days, or why nobody's. */
export type Attribution =
  | { readonly client: ClientRow; readonly day: Day }
  | { readonly reason: "no_client" | "unknown_client" };

/**
 * Attributes log rows: the client_id column, else metadata.client_id (id or external id), else the
 * agent's assignment at that time, else the default client, else nobody. A client that is named
 * but unknown is a mistake to look at, so nothing else is tried.
 */
export function attributor(world: World): (log: LogRow) => Attribution {
  const byId = new Map(world.clients.map((client) => [client.id, client]));
  // Each reference names one client: an id wins over an external id that spells the same.
  const byReference = new Map(
    world.clients.flatMap((client): [string, ClientRow][] =>
      client.external_id === null ? [] : [[client.external_id, client]]
    ).concat([...byId]),
  );
  const days = new Map(world.clients.map((client) => [client.id, localDays(client, world.zones)]));
  const assignments = Map.groupBy(
    world.assignments.map((row) => ({
      ...row,
      from: parseInstant(row.starts_at),
      until: parseInstant(row.ends_at),
    })),
    ({ agent }) => agent,
  );
  const owner = (log: LogRow, at: bigint): ClientRow | "no_client" | "unknown_client" => {
    const claim = (log.client_id ?? textOf(claimed(log)) ?? "").replace(/^ +| +$/g, "");
    if (claim !== "") return byReference.get(claim) ?? "unknown_client";
    const assigned = assignments.get(log.agent)?.find(({ from, until }) =>
      from <= at && at < until
    );
    return byId.get(assigned?.client_id ?? world.default_client_id ?? "") ?? "no_client";
  };
  return (log) => {
    const at = parseInstant(log.timestamp);
    const client = owner(log, at);
    if (typeof client === "string") return { reason: client };
    const day = days.get(client.id)?.(at);
    if (day === undefined) throw new Error(`no calendar for ${client.name}`);
    return { client, day };
  };
}

function claimed(log: LogRow): ExactJson | undefined {
  // Most rows name nobody: their metadata need not be read for this.
  return log.metadata.includes("client_id")
    ? member(parseExactJson(log.metadata), "client_id")
    : undefined;
}
