/** Calls of agents, and what takes them back or states them anew. */
import type { Row } from "../cases/world.ts";
import type { Move } from "./moves.ts";
import type { Plan } from "./steps.ts";
import { addDays, type Call, daysBetween, idOf, type Known, type State } from "./state.ts";

const counts = ["input_tokens", "output_tokens", "web_searches"] as const;
const parts = ["cache_read_tokens", "cache_write_tokens", "reasoning_tokens"] as const;

export function planCall(state: State, client: Known, move: Move): Plan | null {
  switch (move.kind) {
    case "retract":
      return withLog(client, move, (call, id) => ({
        owner: ownerOf(client, call),
        step: () => ({ do: "retract", log: id }),
        accepted: () => client.logs.delete(id),
      }));
    case "restate":
      return withLog(client, move, (call, log) => ({
        owner: ownerOf(client, call),
        step: () => ({ do: "restate", log, counts: restated(move) }),
        accepted: () => client.restated.add(log),
      }));
    case "mirror":
      return withLog(client, move, ({ row, isSilent }, id) => {
        // What counts is the row that states it anew: this one is taken back already.
        if (client.restated.has(id)) return null;
        const metadata = { ...mirrored(row), negates: id, reason: "by hand", retracts: true };
        const mirror = { ...negated(row), metadata, corrects_id: id };
        return plain(state, client, { row: mirror, isSilent }, () => client.logs.delete(id));
      });
    case "difference":
      return withLog(client, move, ({ row }, id) => {
        const less = Math.min(Number(row["web_searches"] ?? 0), 1 + move.b % 90);
        const { agent = "", model = "", timestamp = "" } = row;
        const taken = { agent, model, timestamp, web_searches: -less, corrects_id: id };
        return plain(state, client, { row: taken, isSilent: false }, () => {
          client.logs.delete(id);
        });
      });
    default: {
      const call = called(state, client, move);
      return plain(state, client, call, (id) => client.logs.set(id, call));
    }
  }
}

function plain(
  state: State,
  client: Known,
  call: Call,
  accepted: (id: string) => void,
): Plan {
  const id = idOf(state.names + 1);
  const log: Row = { id, created_at: state.day, ...call.row };
  return {
    owner: ownerOf(client, call),
    step: () => ({ do: "log", key: call.isSilent ? null : client.key, log }),
    accepted: () => {
      state.names += 1;
      accepted(id);
    },
  };
}

/** Whose a call is that goes by its agent changes with the agent's assignment. */
function ownerOf(client: Known, { row, isSilent }: Call): string | null {
  return isSilent && String(row["agent"]).startsWith("AGENT-") ? null : client.key;
}

/** A model with a price (its family's) of which no provider is known until a move says one. */
export const UNMAPPED = "sonnet-by-gateway";

/** A call. Its client is named by the column, by metadata, by its agent, or not at all. */
function called(state: State, client: Known, { kind, a, b, c }: Move): Call {
  // Now and then a day outside service.
  const served = Math.max(daysBetween(client.startedOn, state.day), 1) + 2;
  const day = addDays(state.day, -(kind === "late" ? a % served : a % Math.min(served, 20)));
  const time = `${String(c % 24).padStart(2, "0")}:${String(b % 60).padStart(2, "0")}:00`;
  const [assigned] = client.agents;
  const way = b % 8;
  const named = way === 5 && client.externalId !== null;
  const byAgent = way === 6 && assigned !== undefined;
  const row = {
    agent: byAgent ? assigned : b % 2 === 0 ? "ALPHA" : "BETA",
    model: c % 13 === 5 ? UNMAPPED : c % 3 === 0 ? "gpt-4o" : "claude-sonnet-4-20250514",
    timestamp: `${day}T${time}`,
    ...shape(b + c, 1 + c % 400, {
      ...named ? { client_id: client.externalId } : {},
      ...[{}, {}, { counting: "inclusive" }, { counting: "exclusive" }][c % 4],
    }),
  };
  return { row, isSilent: named || byAgent };
}

/** What a call counts: parts within their wholes, parts without a whole, batches, features. */
function shape(which: number, n: number, metadata: Row): Row {
  switch (which % 9) {
    case 0:
      return { web_searches: n, metadata };
    case 1:
      return { input_tokens: n * 1000, output_tokens: n * 100, metadata };
    case 2:
      return {
        input_tokens: n * 1000,
        metadata: { ...metadata, cache_read_tokens: n * 700, cache_write_tokens: n },
      };
    case 3:
      return { metadata: { ...metadata, cache_read_tokens: n * 2500 } };
    case 4:
      return { metadata: { ...metadata, reasoning_tokens: n * 900 } };
    case 5:
      return {
        output_tokens: n * 1000,
        metadata: {
          ...metadata,
          reasoning_tokens: n * 300,
          ...n % 3 === 0 ? { service_tier: "priority" } : { batch: true },
        },
      };
    case 6:
      return { other_features: { units: n }, web_searches: n, metadata };
    case 7:
      return n % 5 === 0
        ? { other_features: { extra: n }, metadata }
        : { other_features: { units: n * 3 }, metadata };
    default:
      return { web_searches: n * 7, input_tokens: n, metadata };
  }
}

function withLog(
  client: Known,
  { a }: Move,
  plan: (log: Call, id: string) => Plan | null,
): Plan | null {
  const all = [...client.logs];
  const chosen = all[a % Math.max(all.length, 1)];
  return chosen === undefined ? null : plan(chosen[1], chosen[0]);
}

function restated({ b, c }: Move): Row {
  const options: readonly Row[] = [
    { web_searches: c % 300 },
    { input_tokens: c % 90_000 },
    { output_tokens: c * 10, reasoning_tokens: c * 20 },
    { cache_read_tokens: c * 100 },
    { counting: ["inclusive", "exclusive", null][c % 3] ?? null },
    { input_tokens: 0 },
    { other_features: { units: c % 100 } },
  ];
  return options[b % options.length] ?? {};
}

function negated(log: Row): Row {
  const rest = Object.fromEntries(
    ["agent", "model", "timestamp"].flatMap((key) => key in log ? [[key, log[key] ?? null]] : []),
  );
  const less = counts.filter((count) => count in log)
    .map((count) => [count, -Number(log[count])] as const);
  const features = Object.entries(Object(log["other_features"] ?? {}))
    .map(([name, n]) => [name, -Number(n)] as const);
  return { ...rest, ...Object.fromEntries(less), other_features: Object.fromEntries(features) };
}

function mirrored(log: Row): Row {
  const metadata: Record<string, Row[string]> = { ...Object(log["metadata"] ?? {}) };
  for (const part of parts) {
    if (part in metadata) metadata[part] = -Number(metadata[part]);
  }
  return metadata;
}
