import type { Query } from "../routing/location.ts";

/** What usage of a client is summed by. */
export const GROUPS = ["model", "agent", "day", "metric"] as const;

type Group = (typeof GROUPS)[number];

/** The group that an address names, else by model. */
export function groupOf(text: string | undefined): Group {
  return GROUPS.find((group) => group === text) ?? "model";
}

/**
 * The query that shows what a sum is made of: of a model its agents, of an agent its days, of a day
 * its agents, and of an agent on a day its calls.
 */
export function deeper(
  query: Query,
  by: Group,
  value: string,
  { start, end }: { readonly start: string; readonly end: string },
): Query {
  const { cursor: _, calls: __, sort: ___, ...kept } = query;
  if (by === "model") return { ...kept, model: value, by: "agent" };
  if (by === "agent") {
    const agent = { ...kept, from: start, to: end, agent: value };
    return start === end ? { ...agent, by: "agent", calls: start } : { ...agent, by: "day" };
  }
  if (by === "day") {
    const day = { ...kept, from: value, to: value, by: "agent" };
    return query.agent === undefined ? day : { ...day, calls: value };
  }
  return kept;
}
