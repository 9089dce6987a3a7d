import type { Command } from "commander";
import type { z } from "zod";
import {
  createAgentKey,
  listAgentKeys,
  type NewAgentKey,
  revokeAgentKey,
  rotateAgentKey,
} from "../shared/api/agent-keys.ts";
import type { BillingClient } from "../shared/client/billing-client.ts";
import type { SignToken } from "./agent-token.ts";
import { clientId } from "./client-id.ts";
import type { Terminal } from "./command-line.ts";
import { allPages, dataOf } from "./connection.ts";
import { show } from "./show.ts";

export type { SignToken } from "./agent-token.ts";

interface Ports {
  readonly connect: () => BillingClient;
  readonly terminal: Terminal;
  readonly signToken: SignToken;
}

const COLUMNS = ["name", "kind", "agent", "state", "expires_at", "last_used_at", "id"];

/** `agent-keys create|list|rotate|revoke`: keys of agents. */
export function agentKeyCommands(program: Command, ports: Ports): void {
  const keys = program.command("agent-keys").description("Keys of agents");
  createCommand(keys, ports);
  const { connect, terminal } = ports;
  keys.command("list").description("List keys, newest first; tokens are never shown again")
    .option("--json", "print JSON")
    .action(async ({ json }) => {
      const billing = connect();
      const all = await allPages((cursor) =>
        dataOf(billing(listAgentKeys, { query: { cursor, limit: 200 } }))
      );
      show(terminal, json, all, COLUMNS);
    });
  keys.command("rotate").description("Make a key's successor; the old one lives for the overlap")
    .argument("<id>")
    .option("--overlap <span>", "like '24 hours'")
    .option("--json", "print JSON")
    .action(async (id, { json, overlap }) => {
      const billing = connect();
      await checkSigner(billing, id, ports);
      const made = await dataOf(
        billing(rotateAgentKey, { params: { key_id: id }, body: { overlap } }),
      );
      await tell(made, json, ports);
    });
  keys.command("revoke").description("End a key at once").argument("<id>")
    .option("--reason <text>", "why, for the audit log")
    .option("--json", "print JSON")
    .action(async (id, { json, reason }) => {
      const key = await dataOf(
        connect()(revokeAgentKey, { params: { key_id: id }, body: { reason } }),
      );
      show(terminal, json, key, COLUMNS);
    });
}

function createCommand(keys: Command, ports: Ports): void {
  keys.command("create").description("Make a key; its token is printed this once")
    .argument("<name>", "purpose of the key")
    .option("--agent <name>", "whose events it logs; of any agent where left out")
    .option("--client-id <id...>", "for which clients: ids or external ids")
    .option("--all-clients", "for every client")
    .option("--daily-events <count>", "at most so many events a day (UTC)", Number)
    .option("--network <cidr...>", "only from these networks, through ingest-usage")
    .option("--max-age <span>", "how old an event may be, like '31 days'")
    .option("--max-ahead <span>", "how far ahead, like '1 hours', 24 hours at most")
    .option("--expires-at <instant>", "like 2027-07-01T00:00:00Z; a year from now where left out")
    .option("--jwt", "a signed token for agents that post to the Data API")
    .option("--json", "print JSON")
    .action(async (name, options) => {
      const named: readonly string[] = options.clientId ?? [];
      if ((named.length > 0) === (options.allClients === true)) {
        throw new Error("name clients by --client-id, or give --all-clients");
      }
      // Before the key is made: without a signature it would be of no use.
      if (options.jwt) await ports.signToken(PROBE);
      const billing = ports.connect();
      const ids: string[] = [];
      for (const one of named) ids.push(await clientId(billing, one));
      const made = await dataOf(billing(createAgentKey, {
        body: {
          name,
          kind: options.jwt ? "jwt" : "token",
          agent: options.agent,
          client_ids: options.allClients ? null : ids,
          daily_events: options.dailyEvents,
          networks: options.network,
          max_age: options.maxAge,
          max_ahead: options.maxAhead,
          expires_at: options.expiresAt,
        },
      }));
      await tell(made, options.json, ports);
    });
}

/** Says whether a token could be signed; it is thrown away. */
const PROBE = { id: "probe", client_ids: null, expires_at: "2026-01-01T00:00:00Z" };

/** A signed token's key is not rotated where its successor could not be signed. */
async function checkSigner(billing: BillingClient, id: string, { signToken }: Ports) {
  const all = await allPages((cursor) =>
    dataOf(billing(listAgentKeys, { query: { cursor, limit: 200 } }))
  );
  if (all.find((key) => key.id === id)?.kind === "jwt") await signToken(PROBE);
}

async function tell(
  { key, token }: z.infer<typeof NewAgentKey>,
  json: boolean | undefined,
  { terminal, signToken }: Ports,
): Promise<void> {
  const told = token ?? await signToken(key);
  if (json) return show(terminal, json, { key, token: told }, []);
  show(terminal, false, key, COLUMNS);
  terminal.out(`Token (shown this once): ${told}`);
}
