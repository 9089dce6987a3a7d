import assert from "node:assert/strict";
import { z } from "zod";
import type { Route } from "./route.ts";
import { ROUTES } from "./routes.ts";

/** Lists of rows that answers have whole, and what bounds each. */
const WHOLE: readonly (readonly [RegExp, string])[] = [
  [/PriceProposal\.effects$/, "a row a client whose price would change, kept with the proposal"],
  [/^listPriceSources\.data$/, "sources are rows of a release"],
  [/^resolveModel\.data$/, "spellings of one name, a dozen"],
  [/Budget\.alerts$/, "thresholds that one client has reached in one period"],
  [/^clientSpend\.days$/, "days of a period"],
  [/^(openSums|creditBalance)\.data$/, "a row a currency"],
  [/\.(credit_notes|payments)$/, "acts on one invoice, or of one client whose data is asked for"],
  [/Evidence\.facts\./, "what decides one invoice: the rater needs it at once, its logs are paged"],
  [/Evidence\.logs$/, "a page: `cursor`"],
  [/^runMonth\.(blocked|held|failed|voided)$/, "the first hundred"],
  [/^(runMonth\.quarantined|resolveQuarantine\.remaining)$/, "a row a reason"],
  [/^resolveQuarantine\.effects$/, "a row a client of the agent or price that one act names"],
  [/^listJobs\.data$/, "jobs are rows of a release"],
  [/^reconcile\.data$/, "a thousand; `more` says whether there are others"],
  [/^health\.parts$/, "eight parts"],
  [/^(export|erase)PersonalData\./, "all of one client is what is asked for"],
];

const Node = z.looseObject({
  type: z.union([z.string(), z.array(z.string())]).optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  items: z.unknown().optional(),
  maxItems: z.number().optional(),
  anyOf: z.array(z.unknown()).optional(),
});

Deno.test("a list without a page or a bound is in no answer, but where a reason bounds it", () => {
  const found = ROUTES.flatMap((route) =>
    listsOf(z.toJSONSchema(route.answer, { unrepresentable: "any" }), "")
      .filter((path) => !(path === "data" && isPaged(route)))
      .map((path) => `${route.id}.${path}`)
  );
  const fits = (list: string) => WHOLE.some(([named]) => named.test(list));
  assert.deepEqual(found.filter((one) => !fits(one)), []);
  const gone = WHOLE.filter(([named]) => !found.some((one) => named.test(one)));
  assert.deepEqual(gone.map(([, why]) => why), [], "no such list any more");
});

Deno.test("a file of CSV says how many lines it has at most, but journals, which are streamed", () => {
  const files = ROUTES.filter(({ media }: Route) => media === "text/csv");
  assert.deepEqual(files.filter((one) => !hasLimit(one)).map(({ id }) => id), [
    "exportJournal",
    "exportJournalLayout",
  ]);
});

/** Lists of rows in an answer that have no bound of their own; those within rows are the rows'. */
function listsOf(schema: unknown, path: string): string[] {
  const { properties, items, maxItems, anyOf = [], type } = Node.parse(schema);
  const below = Object.entries(properties ?? {}).flatMap(([name, one]) =>
    listsOf(one, path === "" ? name : `${path}.${name}`)
  );
  const isList = type === "array" && maxItems === undefined && isRow(items);
  return [...isList ? [path] : [], ...below, ...anyOf.flatMap((one) => listsOf(one, path))];
}

function isRow(items: unknown): boolean {
  return Node.safeParse(items).data?.type === "object";
}

function isPaged(route: Route): boolean {
  const answer = Node.parse(z.toJSONSchema(route.answer, { unrepresentable: "any" }));
  return hasLimit(route) && Object.hasOwn(answer.properties ?? {}, "next_cursor");
}

function hasLimit({ query }: Route): boolean {
  const { properties } = Node.parse(
    z.toJSONSchema(query, { io: "input", unrepresentable: "any" }),
  );
  return Object.hasOwn(properties ?? {}, "limit");
}
