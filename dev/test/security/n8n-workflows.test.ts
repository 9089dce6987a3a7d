import { deepStrictEqual, notStrictEqual, ok, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { z } from "zod";
import { repositoryRoot } from "../../platform/repository.ts";
import { parseTelegramHtml } from "../../standins/telegram.ts";

const Workflow = z.object({
  id: z.string(),
  settings: z.object({ errorWorkflow: z.string().optional() }),
  nodes: z.array(z.object({
    name: z.string(),
    type: z.string(),
    parameters: z.json(),
    credentials: z.object({ httpHeaderAuth: z.object({ name: z.string() }).optional() }).optional(),
  })),
  connections: z.record(
    z.string(),
    z.object({ main: z.array(z.array(z.object({ node: z.string() }))) }),
  ),
});
const read = async (name: string) =>
  Workflow.parse(JSON.parse(await Deno.readTextFile(join(repositoryRoot, "n8n", name))));
const monthly = await read("billing-workflow.json");
const failed = await read("billing-error-workflow.json");

const Http = z.object({
  jsonBody: z.string().optional(),
  path: z.string().optional(),
  includeOtherFields: z.boolean().optional(),
  operation: z.string().optional(),
  logic: z.string().optional(),
  incrementalDedupeValue: z.string().optional(),
  conditions: z.object({
    conditions: z.array(z.object({
      leftValue: z.string(),
      operator: z.object({ operation: z.string() }),
      rightValue: z.union([z.string(), z.number()]),
    })),
  }).optional(),
  authentication: z.string().optional(),
  headerParameters: z.object({ parameters: z.array(z.object({ value: z.string() })) }).optional(),
  assignments: z.object({
    assignments: z.array(z.object({ name: z.string(), value: z.string() })),
  }).optional(),
});
const parametersOf = (workflow: typeof monthly, name: string) =>
  Http.parse(workflow.nodes.find((node) => node.name === name)?.parameters);

/** What an expression of n8n says, where these nodes have given these items. */
function evaluate(expression: string, items: Record<string, unknown>): unknown {
  const code = expression.replace(/^=\{\{/, "").replace(/\}\}$/, "");
  const run = Function("$", `return (${code});`);
  return run((name: string) => ({ item: { json: items[name] } }));
}

const report = "Run for 2026-07-01.\nBlocked: Müller & Söhne <b>: no price for x < y 🎉";

Deno.test("the report of a run is told once: n8n tells HERMES only of deliveries that still wait", () => {
  const { jsonBody = "" } = parametersOf(monthly, "Tell HERMES: still pending");
  const body = evaluate(jsonBody, {
    "Settings": { hermes_channel: "telegram" },
    "What is left": { pending: 3, run: { report, failed: 1 } },
  });
  deepStrictEqual(JSON.parse(String(body)), {
    message: "Deliveries of the monthly run still wait after half an hour: 3",
    priority: "high",
    channel: "telegram",
  });
  const [pending, settled] = monthly.connections["Still pending?"]?.main ?? [];
  deepStrictEqual([pending, settled], [[{ node: "Tell HERMES: still pending" }], [{
    node: "Summary",
  }]]);
  const summary = parametersOf(monthly, "Summary").assignments?.assignments[0];
  strictEqual(evaluate(summary?.value ?? "", { "What is left": { run: { report } } }), report);
});

Deno.test("the key of the API is not what callers of n8n send, so no execution keeps it", () => {
  const credentials = (type: string) =>
    new Set(
      monthly.nodes.filter((node) => node.type === type && node.credentials !== undefined)
        .map(({ credentials }) => credentials?.httpHeaderAuth?.name),
    );
  const callers = credentials("n8n-nodes-base.webhook");
  const calls = credentials("n8n-nodes-base.httpRequest");
  deepStrictEqual([callers.size, calls.size, callers.union(calls).size], [1, 1, 2]);
});

Deno.test("a message of n8n to HERMES is read on Telegram as it was written", () => {
  const nodes = [[failed, "Tell HERMES"]] as const;
  for (const [workflow, name] of nodes) {
    for (const hermes_channel of ["telegram", "slack"]) {
      const body = evaluate(parametersOf(workflow, name).jsonBody ?? "", {
        "Settings": { hermes_channel, text: report },
        "What is left": { pending: 0, run: { report, failed: 0 } },
      });
      const { message, channel } = z.object({ message: z.string(), channel: z.string() })
        .parse(JSON.parse(String(body)));
      strictEqual(channel, hermes_channel);
      if (channel === "slack") ok(message.startsWith(report), name);
      else {
        const answer = parseTelegramHtml(message);
        ok(answer.ok && answer.shown.startsWith(report), `${name}: ${JSON.stringify(answer)}`);
      }
    }
  }
});

Deno.test("a failed delivery of HERMES fails the workflow, and the failure has a workflow", () => {
  deepStrictEqual(monthly.connections["Tell HERMES: still pending"]?.main, [[{
    node: "Did HERMES deliver?",
  }]]);
  const [delivered, not] = monthly.connections["Did HERMES deliver?"]?.main ?? [];
  deepStrictEqual([delivered, not], [[{ node: "Summary" }], [{ node: "Nobody was told" }]]);
  const last = monthly.nodes.find(({ name }) => name === "Nobody was told");
  strictEqual(last?.type, "n8n-nodes-base.stopAndError");
  strictEqual(monthly.settings.errorWorkflow, failed.id);
});

Deno.test("the key of a run is the run's own, also in an n8n that counts from 1 again", () => {
  const { headerParameters } = parametersOf(monthly, "Run the month");
  const header = headerParameters?.parameters[0]?.value ?? "";
  const key = parametersOf(monthly, "Settings").assignments?.assignments
    .find(({ name }) => name === "run_key")?.value ?? "";
  // The same at each try of one run: it is made once, before them.
  strictEqual(evaluate(header, { Settings: { run_key: "n8n-1-2" } }), "n8n-1-2");
  const at = (millis: number) =>
    key.replace("=", "").replaceAll(
      /\{\{(.*?)\}\}/g,
      (_, code: string) =>
        String(
          Function("$execution", "$now", `return (${code});`)(
            { id: "1" },
            { toMillis: () => millis },
          ),
        ),
    );
  strictEqual(at(5), "n8n-1-5");
  notStrictEqual(at(5), at(6));
});

/** The value of an expression at a time of UTC, as n8n's clock says it. */
function evaluateAt(expression: string, utc: string): unknown {
  const at = new Date(utc);
  const clock = { toMillis: () => at.getTime(), toUTC: () => ({ hour: at.getUTCHours() }) };
  const code = expression.replace(/^=\{\{/, "").replace(/\}\}$/, "");
  return Function("$now", `return (${code});`)(clock);
}

const next = (name: string) =>
  monthly.connections[name]?.main.map((nodes) => nodes.map(({ node }) => node));

Deno.test("our path asks for the credential and starts the run", () => {
  const { path, authentication } = parametersOf(monthly, "By hand");
  deepStrictEqual([path, authentication], ["leveredge-billing-run", "headerAuth"]);
  deepStrictEqual(next("By hand"), [["Settings"]]);
});

Deno.test("the old path takes the unchanged call: no credential, and nothing of it is read", () => {
  const { path, authentication } = parametersOf(monthly, "By hand, old path");
  deepStrictEqual([path, authentication], ["billing/generate", undefined]);
  const webhook = monthly.nodes.find(({ name }) => name === "By hand, old path");
  strictEqual(webhook?.credentials, undefined);
  // The node Settings hands on what it sets and nothing of its input.
  strictEqual(parametersOf(monthly, "Settings").includeOtherFields, undefined);
  const expressions = JSON.stringify(monthly.nodes);
  ok(!/\$\(\\?['"](By hand|Once in)/.test(expressions), "no node reads a caller's data");
});

Deno.test("a call without credential starts nothing that the day's own run has not, once in ten minutes", () => {
  deepStrictEqual(next("By hand, old path"), [["After nine?"]]);
  deepStrictEqual(next("After nine?"), [["Once in ten minutes"]]);
  deepStrictEqual(next("Once in ten minutes"), [["Settings"]]);
  const [hour] = parametersOf(monthly, "After nine?").conditions?.conditions ?? [];
  deepStrictEqual([hour?.operator.operation, hour?.rightValue], ["gte", 9]);
  deepStrictEqual(
    ["2026-07-01T08:59:59Z", "2026-07-01T09:00:00Z", "2026-07-01T23:59:59Z"]
      .map((utc) => evaluateAt(hour?.leftValue ?? "", utc)),
    [8, 9, 23],
  );
  const once = parametersOf(monthly, "Once in ten minutes");
  deepStrictEqual([once.operation, once.logic], [
    "removeItemsSeenInPreviousExecutions",
    "removeItemsUpToStoredIncrementalKey",
  ]);
  const [first, second, third] = ["09:00:00.000Z", "09:09:59.999Z", "09:10:00.000Z"]
    .map((time) => evaluateAt(once.incrementalDedupeValue ?? "", `2026-07-01T${time}`));
  // n8n keeps the highest value alone: a history of all would be full one day.
  deepStrictEqual([Number(second) - Number(first), Number(third) - Number(second)], [0, 1]);
});

Deno.test("every connection leads to a node that is there", () => {
  for (const { nodes, connections } of [monthly, failed]) {
    const names = new Set(nodes.map(({ name }) => name));
    strictEqual(names.size, nodes.length);
    for (const [from, { main }] of Object.entries(connections)) {
      ok(names.has(from), from);
      for (const { node } of main.flat()) ok(names.has(node), node);
    }
  }
});
