import { callsOf, claimOf, wireTimestamp } from "./calls.ts";
import type { DemoClient } from "./client.ts";
import { americanClients } from "./clients-americas.ts";
import { otherClients } from "./clients-elsewhere.ts";
import { europeanClients } from "./clients-europe.ts";
import { costsOf, type DemoLog } from "./log.ts";
import { uuidOf } from "../random.ts";

/** Whose usage an agent's rows are from one instant to another. */
export type DemoAssignment = {
  readonly agent: string;
  readonly client_id: string;
  readonly starts_at: string;
  readonly ends_at: string;
};

/** June 2026 of a fictitious seller, split by the way that rows take into the database. */
export interface June {
  readonly clients: readonly DemoClient[];
  readonly assignments: readonly DemoAssignment[];
  /** Loaded by COPY, as an import of an existing table would be. */
  readonly bulk: readonly DemoLog[];
  /** Posted one by one, as agents do. */
  readonly posted: readonly DemoLog[];
  /** Inserted in batches by supabase-js; each has an id. */
  readonly inserted: readonly DemoLog[];
  /** Sent again after a time-out that was none: the ids are known already. */
  readonly resent: readonly DemoLog[];
}

/** An agent that is lent from one client to another in the middle of the month. */
const LENT = {
  agent: "MUSE",
  from: "foxglove-media",
  to: "umber-ochre",
  at: "2026-06-10T00:00:00Z",
} as const;

/** Builds the month: no clock, no chance, the same rows every time. */
export function june2026(): June {
  const clients = [...americanClients, ...europeanClients, ...otherClients];
  const logsOf = new Map(clients.map((client) => [client.externalId, callsOf(client)]));
  const birch = logsOf.get("birch") ?? [];
  const acme = logsOf.get("acme-robotics") ?? [];
  const liffey = (logsOf.get("liffey-legal") ?? []).map((log, index) => ({
    ...log,
    id: uuidOf(`liffey-legal call ${index}`),
  }));
  for (const posted of ["birch", "acme-robotics", "liffey-legal"]) logsOf.delete(posted);
  const inserted = liffey.slice(0, 200);
  return {
    clients,
    assignments: assignments(clients),
    bulk: [
      ...[...logsOf.values()].flat(),
      ...acme.slice(150),
      ...liffey.slice(200),
      ...clients.filter(({ externalId }) => externalId === "aroha-orchards").flatMap(atBoundaries),
      ...clients.filter(({ externalId }) => externalId === LENT.from).flatMap(lentAgent),
    ],
    posted: [...birch, ...acme.slice(0, 150), ...ownerless()],
    inserted,
    resent: inserted.slice(0, 12),
  };
}

function assignments(clients: readonly DemoClient[]): DemoAssignment[] {
  const always = { starts_at: "-infinity", ends_at: "infinity" };
  const own = clients.filter(({ claim }) => claim === "assignment").flatMap((client) =>
    client.agents.map((agent) => ({ agent, client_id: uuidOf(client.externalId), ...always }))
  );
  return [
    ...own,
    { ...always, agent: LENT.agent, client_id: uuidOf(LENT.from), ends_at: LENT.at },
    { ...always, agent: LENT.agent, client_id: uuidOf(LENT.to), starts_at: LENT.at },
  ];
}

function smallCall(
  parts: Pick<DemoLog, "agent" | "timestamp"> & Partial<DemoLog>,
): DemoLog {
  const counts = {
    model: "claude-sonnet-4-20250514",
    input_tokens: 1200,
    output_tokens: 300,
    web_searches: 0,
  };
  return {
    endpoint: "chat",
    other_features: {},
    metadata: {},
    ...counts,
    ...costsOf(counts, 0),
    ...parts,
  };
}

/**
 * Calls in the first and last second of June by the client's clock, and just outside: before June
 * the client was not served, after it July has begun.
 */
function atBoundaries(client: DemoClient): DemoLog[] {
  const seconds: [date: number, second: number, micro: number][] = [
    [1, -1, 999_999],
    [1, 0, 0],
    [30, 86_399, 999_999],
    [31, 0, 0],
    [31, 3600, 0],
  ];
  return seconds.map(([date, second, micro]) =>
    smallCall({
      ...claimOf(client),
      agent: "HARVEST",
      timestamp: wireTimestamp(client, date, second, micro),
    })
  );
}

/** Calls of the lent agent every six hours; before and after it changes clients. */
function lentAgent(client: DemoClient): DemoLog[] {
  return Array.from({ length: 120 }, (_, index) =>
    smallCall({
      agent: LENT.agent,
      timestamp: wireTimestamp(client, 1, index * 21_600, 0),
    }));
}

/** Usage that names nobody, or somebody unknown. */
function ownerless(): DemoLog[] {
  const at = (index: number) =>
    `2026-06-${String(index % 28 + 1).padStart(2, "0")}T10:00:00.000000`;
  return [
    ...Array.from(
      { length: 37 },
      (_, index) => smallCall({ agent: "DRIFTWOOD", timestamp: at(index) }),
    ),
    ...Array.from({ length: 12 }, (_, index) =>
      smallCall({
        agent: "SCHOLAR",
        metadata: { client_id: "closed-account-2024" },
        timestamp: at(index),
      })),
  ];
}
