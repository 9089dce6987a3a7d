import type { Planted } from "./planted.ts";

const SCHEMAS = "supabase/schemas";
const FUNCTIONS = "supabase/functions";

export const DEFENCE: readonly Planted[] = [
  {
    finding: "X1",
    fault: "any row may be stored as a correction",
    edits: [[
      `${SCHEMAS}/20_usage/correction_guard.sql`,
      "if wrong is not null then",
      "if false then",
    ]],
    test: "pgtap 20_usage/corrections: it is not the mirror of row",
  },
  {
    finding: "X1",
    fault: "an agent's event may name a row to correct",
    edits: [
      [
        `${FUNCTIONS}/ingest-usage/handler.ts`,
        "refine(({ corrects_id }) =>\n  corrects_id !== undefined\n);",
        "refine(() => false);",
      ],
    ],
    test: "e2e ingest-usage: an agent's key cannot take usage back, by no endpoint",
  },
  {
    finding: "X2",
    fault: "each unknown agent is compared with each",
    edits: [[
      `${SCHEMAS}/20_usage/quarantine_logs.sql`,
      "l.agent in (select unnest(agents))",
      // A list of constants after `any` is hashed, however long it is.
      "array_position(agents, l.agent) is not null",
    ]],
    test:
      "pgtap 20_usage/rebuild-requests-many-names: twenty thousand unknown agents do not cost the",
  },
  {
    finding: "X3",
    fault: "a row may bring any number of features",
    edits: [[
      `${SCHEMAS}/20_usage/token_counts.sql`,
      "then features else '{}' end)) > 50",
      "then features else '{}' end)) > 5e6",
    ]],
    test: "pgtap 20_usage/usage-key-limit: fifty-one features are too many",
  },
  {
    finding: "X3",
    fault: "a client's day may have any number of keys",
    edits: [[`${SCHEMAS}/20_usage/usage_key_limit.sql`, "where k.place > f.room", "where false"]],
    test: "pgtap 20_usage/usage-key-limit: rows that bring more wait in quarantine",
  },
  {
    finding: "X3",
    fault: "the summary of a run lists everything",
    edits: [[
      `${SCHEMAS}/50_invoicing/runs/runs.sql`,
      "from blocked b where b.place <= 100),",
      "from blocked b),",
    ]],
    test:
      "pgtap 60_delivery/usage-alerts-many-causes: a run's summary lists a hundred and counts all",
  },
  {
    finding: "X4",
    fault: "a body has its room before it has come",
    edits: [
      [
        `${FUNCTIONS}/_shared/http/read-body.ts`,
        "  const { body } = request;\n  const encoding =",
        "  await startWork();\n  const { body } = request;\n  const encoding =",
      ],
    ],
    test: "unit security/every-function: forty half-sent bodies do not close it",
  },
  {
    finding: "X5",
    fault: "a PDF has every line",
    edits: [["shared/document/bounds.ts", "MOST_LINES = 200", "MOST_LINES = 200_000"]],
    test: "unit pdf/render: an invoice of 20,000 lines is a few pages",
  },
  {
    finding: "X5",
    fault: "a delivery that ends its workers is taken beside others again and again",
    edits: [[
      `${SCHEMAS}/60_delivery/queue/claim.sql`,
      "and not _billing.is_suspect(q) and not _billing.waits_for_pdf(q, at)",
      "",
    ]],
    test: "pgtap 60_delivery/queue-poison: after two it is not taken beside others",
  },
  {
    finding: "X6",
    fault: "health tells a time that is none",
    edits: [[
      `${SCHEMAS}/90_operations/health.sql`,
      "case when l.reason <> 'invalid_timestamp' then min(l.occurred_at) end as oldest",
      "min(l.occurred_at) as oldest",
    ]],
    test: "pgtap 90_operations/health-odd-times: health tells no time that is none",
  },
  {
    finding: "C14 X7",
    fault: "what was dismissed stops retention",
    edits: [[
      `${SCHEMAS}/60_delivery/retention.sql`,
      "q.reason <> 'before_retention'\n    and not q.dismissed;",
      "q.reason <> 'before_retention';",
    ]],
    test: "pgtap 60_delivery/retention-of-strays: dismissed it is in nobody's way",
  },
  {
    finding: "C14 X7",
    fault: "an unreadable row that is retracted stays in quarantine",
    edits: [[
      `${SCHEMAS}/20_usage/corrected_logs.sql`,
      "'corrected: ' || reason where _billing.is_uncountable(standing)",
      "'corrected: ' || reason where false",
    ]],
    test: "pgtap 20_usage/dismissals: but what is retracted has left the quarantine",
  },
  {
    finding: "X8",
    fault: "no amount of a new client is above a ceiling",
    edits: [[
      `${SCHEMAS}/50_invoicing/holds/holds.sql`,
      "and (i.total_minor > l.ceiling_minor or i.total_minor > u.usual_minor * l.factor)",
      "and (i.total_minor > l.ceiling_minor and u.usual_minor is not null\n" +
      "      or i.total_minor > u.usual_minor * l.factor)",
    ]],
    test: "pgtap 50_invoicing/holds: an event of absurd size is not invoiced",
  },
  {
    finding: "X9",
    fault: "one known caller takes the room of all",
    edits: [[
      `${FUNCTIONS}/_shared/http/function-limits.ts`,
      "caller = { key: `${of}:${name}`, limits",
      "caller = { key: of, limits",
    ]],
    test: "unit http/with-request: 250 requests of one member at once do not refuse another",
  },
  {
    finding: "X10",
    fault: "of answers to unknown callers only 401 is counted",
    edits: [[
      `${FUNCTIONS}/_shared/http/with-request.ts`,
      "return limits.countAnswer() ? given",
      "return given.status !== 401 || limits.countAnswer() ? given",
    ]],
    test: "unit http/with-request: all answers to unknown callers are counted: 404, 405, 413",
  },
  {
    finding: "X10",
    fault: "refusals are counted for all addresses together",
    edits: [[
      `${FUNCTIONS}/_shared/http/function-limits.ts`,
      `const address = clientAddress(request.headers) ?? "unknown";`,
      `const address = "unknown";`,
    ]],
    test: "unit http/with-request: refusals are counted by address: an innocent's 401 stays one",
  },
  {
    finding: "X11",
    fault: "an outcome that the database refuses ends the run",
    edits: [[
      `${FUNCTIONS}/deliver/worker.ts`,
      "    reportError(error);\n    return await queue.finish(job, {",
      "    throw error;\n    return await queue.finish(job, {",
    ]],
    test: "unit deliver/worker: an outcome that the database refuses is a try that failed",
  },
  {
    finding: "X11",
    fault: "what a service answers is stored as it is",
    edits: [[
      `${FUNCTIONS}/deliver/worker.ts`,
      "finish(job, storableOutcome(outcome), queue,",
      "finish(job, outcome, queue,",
    ]],
    test: "unit security/bad-services: one delivery ends, the run goes on",
  },
  {
    finding: "X12",
    fault: "a token of any role is a user's",
    edits: [[
      `${FUNCTIONS}/_shared/http/authenticate.ts`,
      `role: z.literal("authenticated"),`,
      "role: z.unknown(),",
    ]],
    test: "e2e security-tokens: a token of another role than a user's is no user",
  },
  {
    finding: "X13",
    fault: "a user without a client sees the default prices",
    edits: [[
      `${SCHEMAS}/30_pricing/prices.sql`,
      "or client_id is null and (select billing.my_clients())::uuid[] <> '{}'",
      "or client_id is null",
    ]],
    test: "pgtap access: which a user of no client does not",
  },
  {
    finding: "X14",
    fault: "the key stands in the queue of calls",
    edits: [[
      `${SCHEMAS}/60_delivery/job_calls.sql`,
      "'x-billing-signature', _billing.sign_call(",
      "'apikey', k.decrypted_secret, 'x-billing-signature', _billing.sign_call(",
    ]],
    test: "pgtap 60_delivery/job-calls-key-in-queue: the secret stands nowhere in the queue",
  },
  {
    finding: "X15",
    fault: "a key may log for any client",
    edits: [[
      `${SCHEMAS}/20_usage/agent_keys/check.sql`,
      "when key.client_ids is not null and not",
      "when false and not",
    ]],
    test: "e2e agent-keys: events beyond a key's rights are refused one by one, with a code",
  },
  {
    finding: "X15",
    fault: "a key may log any time",
    edits: [[
      `${SCHEMAS}/20_usage/agent_keys/check.sql`,
      "then 'time_not_allowed' end",
      "then null end",
    ]],
    test: "e2e agent-keys: events beyond a key's rights are refused one by one, with a code",
  },
  {
    finding: "X16",
    fault: "what a link opens may be kept for an hour",
    edits: [[
      `${FUNCTIONS}/_shared/outbound/storage.ts`,
      `const UNCACHED = "0, private, no-store";`,
      `const UNCACHED = "3600";`,
    ]],
    test: "e2e invoice-pdf-link: a member opens a link to their invoice's archived PDF",
  },
  {
    finding: "X17",
    fault: "references of the OpenAPI document resolve nowhere",
    edits: [["shared/api/openapi.ts", "shared.set(given, JSON.parse(refer(content)));", ""]],
    test: "unit api/openapi: a standard validator takes the document, and every reference resolves",
  },
  {
    finding: "X17",
    fault: "no operation says that it may be refused",
    edits: [[
      "shared/api/openapi.ts",
      "        statusesOf(route).map((status) =>",
      "        statusesOf(route).slice(0, 0).map((status) =>",
    ]],
    test: "unit api/openapi: every operation answers with what it promises or a problem",
  },
  {
    finding: "C6",
    fault: "the role of agents may read prices",
    edits: [[
      `${SCHEMAS}/30_pricing/prices.sql`,
      "-- The default list is for clients: a user without one sees nothing.",
      "grant insert, update on public.prices to billing_agent;",
    ]],
    test:
      "e2e access-catalog: an agent with a signed token inserts what its row says and has no other",
  },
  {
    finding: "C12",
    fault: "usage of the future is counted",
    edits: [
      [
        `${SCHEMAS}/20_usage/attribution.sql`,
        `when l."timestamp" > l.created_at + interval '24 hours' then 'future_timestamp'`,
        "when false then 'future_timestamp'",
      ],
      [
        `${SCHEMAS}/20_usage/new_logs.sql`,
        "and (at <= created_at or at <= created_at + interval '24 hours') then null",
        "then null",
      ],
    ],
    test: "pgtap 20_usage/dismissals: usage dated a day ahead is counted, later usage is not",
  },
];
