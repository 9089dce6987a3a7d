import { z } from "zod";
import { addDays, startOfDay } from "../../format/days.ts";

/** A log row as the Data API answers it. */
export const Call = z.object({
  id: z.string(),
  timestamp: z.string(),
  endpoint: z.string().nullable(),
  input_tokens: z.number(),
  output_tokens: z.number(),
  web_searches: z.number(),
  total_cost: z.union([z.string(), z.number()]),
});

/** Rows of a page; one more is asked for, which says whether there is a next page. */
export const PAGE = 25;

/** Asks the Data API for the calls of a client-local day, in the order of their times. */
export function callsSearch(
  { clientId, model, agent, day, timeZone }: {
    readonly clientId: string;
    readonly model: string;
    readonly agent: string;
    readonly day: string;
    readonly timeZone: string;
  },
  cursor: string | undefined,
): URLSearchParams {
  const owner = `or(client_id.is.null,client_id.eq.${clientId})`;
  const after = cursor === undefined ? null : /^([^ "]+) ([0-9a-f-]{36})$/.exec(cursor);
  const [, at = "", id = ""] = after ?? [];
  const later = `or(timestamp.gt."${at}",and(timestamp.eq."${at}",id.gt.${id}))`;
  const search = new URLSearchParams({
    select: Object.keys(Call.shape).join(","),
    model: `eq.${model}`,
    agent: `eq.${agent}`,
    and: `(${after === null ? owner : `${owner},${later}`})`,
    order: "timestamp.asc,id.asc",
    limit: String(PAGE + 1),
  });
  search.append("timestamp", `gte.${startOfDay(day, timeZone).toISOString()}`);
  search.append("timestamp", `lt.${startOfDay(addDays(day, 1), timeZone).toISOString()}`);
  return search;
}

/** Where the next page begins, or null on the last. */
export function cursorOf(
  calls: readonly { readonly id: string; readonly timestamp: string }[],
): string | null {
  const last = calls[PAGE - 1];
  return calls.length > PAGE && last !== undefined ? `${last.timestamp} ${last.id}` : null;
}
