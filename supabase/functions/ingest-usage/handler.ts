import { z } from "zod";
import { EventResult, ingestUsage, UsageEvent } from "../../../shared/api/events.ts";
import { type ErrorCode, errorDetails } from "../../../shared/errors.ts";
import type { AgentKey } from "../_shared/http/authenticate.ts";
import { isDeep, parseJson, readText } from "../_shared/http/read-body.ts";
import { currentLimits } from "../_shared/http/request-limits.ts";
import { endpoint } from "../_shared/api/endpoint.ts";
import type { Session } from "../_shared/api/session.ts";
import { DatabaseError } from "../_shared/postgres/database-error.ts";
import { plainEvent } from "./plain-event.ts";

type EventResult = z.infer<typeof EventResult>;

/** 1,000 events of 8 kB; also what a gzip body may inflate to. */
const MAX_BYTES = 8_000_000;

/** Index, result, id, detail and code of each event, in their order. */
const Stored = z.array(
  z.tuple([
    z.int(),
    EventResult.shape.result,
    z.uuid().nullable(),
    z.string().nullable(),
    z.string().nullable(),
  ]),
);

/** Logs a batch of model calls; each event has its own result. */
export const ingestEndpoint = endpoint(ingestUsage, async (session, { body: { events } }) => {
  const agent = session.caller.agentKey?.agent ?? null;
  const checked = events.map((event, index) => ({ index, ...check(ofAgent(event, agent)) }));
  const valid = checked.flatMap(({ index, event }) => event === null ? [] : [{ index, event }]);
  const stored = await store(session, valid);
  const results = [
    ...checked.flatMap(({ index, errors, id }): EventResult[] =>
      errors === null ? [] : [{ index, id, result: "invalid", errors }]
    ),
    ...stored,
  ].sort((one, other) => one.index - other.index);
  const count = (wanted: EventResult["result"]) =>
    results.filter(({ result }) => result === wanted).length;
  return {
    inserted: count("inserted"),
    duplicate: count("duplicate"),
    conflict: count("conflict"),
    invalid: count("invalid"),
    results,
  };
});

/**
 * The events of a body: `application/x-ndjson` one a line, else JSON that is an array or
 * `{events}`. A line that is not JSON stays as text, which then is an invalid event; so does one
 * that is nested too deeply, because a batch that is refused for it would be sent for ever.
 */
export async function readEvents(request: Request): Promise<unknown> {
  const text = await readText(request, MAX_BYTES);
  const type = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type === "application/x-ndjson" || type === "application/jsonl") {
    const lines = text.split("\n").filter((line) => line.trim() !== "");
    return { events: lines.map(parseLine).map(shallow) };
  }
  const json = parseJson(text);
  const batch = Batch.safeParse(Array.isArray(json) ? { events: json } : json);
  if (!batch.success) return shallow(json);
  const { events, ...rest } = batch.data;
  return isDeep(rest) ? shallow(rest) : { ...rest, events: events.map(shallow) };
}

/** What stands beside the events is refused by the route. */
const Batch = z.looseObject({ events: z.array(z.unknown()) });

function shallow(json: unknown): unknown {
  return isDeep(json) ? "nested too deeply" : json;
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return line;
  }
}

/** An event that names a log to correct, which no event may. */
const Correcting = z.looseObject({ corrects_id: z.unknown() }).refine(({ corrects_id }) =>
  corrects_id !== undefined
);
const CORRECTION_REFUSED = {
  pointer: "/corrects_id",
  detail: "cannot be sent: an operator calls billing.correct_log or billing.retract_log",
  code: "correction_refused" satisfies ErrorCode,
};

/** An event that names no agent is that of the key's. */
function ofAgent(raw: unknown, agent: string | null): unknown {
  if (agent === null || typeof raw !== "object" || raw === null || Array.isArray(raw)) return raw;
  return "agent" in raw ? raw : { ...raw, agent };
}

function check(raw: unknown) {
  const plain = plainEvent(raw);
  if (plain !== null) return { event: plain, errors: null, id: null };
  const result = UsageEvent.safeParse(raw);
  if (result.success) return { event: result.data, errors: null, id: null };
  const given = z.object({ id: z.uuid() }).safeParse(raw);
  return {
    event: null,
    errors: Correcting.safeParse(raw).success
      ? [CORRECTION_REFUSED]
      : errorDetails(result.error.issues),
    id: given.success ? given.data.id : null,
  };
}

async function store(
  { sql, caller: { agentKey } }: Session,
  events: readonly { readonly index: number; readonly event: unknown }[],
): Promise<EventResult[]> {
  if (events.length === 0 && agentKey === undefined) return [];
  const batch = JSON.stringify(events.map(({ event }) => event));
  // One value: as rows of their own the results would cost more than storing the events.
  const rows = agentKey === undefined
    ? await sql<{ results: string }[]>`
      select json_agg(json_build_array(i.index, i.result, i.id, i.detail, null) order by i.index)
        ::text as results
      from billing.ingest_usage(${batch}::text::jsonb) i`
    : await storeByKey(sql, batch, agentKey);
  return Stored.parse(JSON.parse(rows[0]?.results ?? "[]")).map(
    ([index, result, id, detail, code]) => ({
      index: events[index]?.index ?? index,
      id,
      result,
      ...detail === null ? {} : { errors: detailsOf(result, detail, code) },
    }),
  );
}

async function storeByKey(
  sql: Session["sql"],
  batch: string,
  { id, address }: AgentKey,
): Promise<readonly { readonly results: string }[]> {
  try {
    return await sql<{ results: string }[]>`
      select json_agg(json_build_array(i.index, i.result, i.id, i.detail, i.code) order by i.index)
        ::text as results
      from billing.ingest_usage_by_key(${id}::text::uuid, ${batch}::text::jsonb, ${address}) i`;
  } catch (error) {
    if (DatabaseError.safeParse(error).data?.detail === "quota_exceeded") {
      currentLimits()?.retryIn(secondsToMidnight(new Date()));
    }
    throw error;
  }
}

/** Until the next UTC day, on which quotas begin anew. */
function secondsToMidnight(now: Date): number {
  const day = 86_400_000;
  return Math.ceil((day - now.getTime() % day) / 1000);
}

/** What a key may not log, by the field that says it. */
const POINTERS: Readonly<Record<string, string>> = {
  agent_not_allowed: "/agent",
  client_not_allowed: "/client_id",
  time_not_allowed: "/timestamp",
};

/** Of a conflict the database names the columns that differ, else says what it refused. */
function detailsOf(result: EventResult["result"], detail: string, code: string | null) {
  if (code !== null) return [{ pointer: POINTERS[code] ?? "", detail, code }];
  return result === "conflict"
    ? detail.split(", ").map((column) => ({
      pointer: `/${column}`,
      detail: "differs from the row stored under this id",
    }))
    : [{ pointer: "", detail }];
}
