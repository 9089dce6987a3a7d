import assert from "node:assert/strict";
import fc from "fast-check";
import { UsageEvent } from "../../../shared/api/events.ts";
import { plainEvent } from "./plain-event.ts";

const name = fc.oneof(
  fc.constantFrom("SCHOLAR", "", "  ", "a\0", "\ud800", "x".repeat(201)),
);
const count = fc.constantFrom<unknown>(
  0,
  7,
  -1,
  1.5,
  2 ** 53,
  "7",
  null,
  Infinity,
);
const cost = fc.constantFrom<unknown>(
  0,
  0.00885,
  -9999.9,
  -10_000,
  10_000,
  NaN,
  "1",
  null,
);
const id = fc.oneof(
  fc.uuid(),
  fc.constantFrom<unknown>("", "00000000-0000-0000-0000-000000000001"),
);
const anything = fc.constantFrom<unknown>(
  {},
  [],
  null,
  "text",
  1,
  { a: 1 },
  { a: -1 },
  {
    "": 1,
  },
  { a: { b: [1] } },
  { a: "x\0", b: true },
  { "\ud800": null },
  { a: Infinity },
  { a: undefined },
  { "a\nb": 1 },
  { "\u0085": 1 },
  features(50),
  features(51),
);
/** So many features. */
function features(count: number): Record<string, number> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}`, 1]));
}

const event = fc.record({
  id,
  agent: name,
  endpoint: fc.oneof(name, fc.constantFrom<unknown>(null, "x".repeat(1001))),
  model: name,
  input_tokens: count,
  output_tokens: count,
  web_searches: count,
  calls: count,
  other_features: anything,
  input_cost: cost,
  output_cost: cost,
  feature_cost: cost,
  total_cost: cost,
  metadata: anything,
  timestamp: fc.constantFrom<unknown>(
    "2026-06-03T14:21:07.123456",
    "2026-06-03T14:21:07",
    "2026-06-03 14:21",
    "2026-13-03T14:21:07",
    "2026-06-03T25:21:07",
    "2026-06-03T14:21:07+02:00",
    "2026-06-03T14:21:07.1234567890",
    7,
  ),
  client_id: id,
  corrects_id: id,
  unforeseen: fc.constant(1),
}, { requiredKeys: [] });
const plain = {
  agent: "SCHOLAR",
  endpoint: "deep-research",
  model: "claude-sonnet",
  input_tokens: 1200,
  output_tokens: 350,
  web_searches: 1,
  other_features: { pdf_processing: 2.5 },
  total_cost: 0.00885,
  metadata: {
    client_id: "acme",
    cache_read_tokens: 7,
    batch: true,
    run_id: null,
  },
  timestamp: "2026-06-03T14:21:07.123456",
};

Deno.test("everyday events of agents are plain", () => {
  assert.equal(plainEvent(plain), plain);
  assert.ok(plainEvent({ ...plain, id: crypto.randomUUID() }));
  assert.equal(plainEvent({ agent: "SCHOLAR" }), null);
});

Deno.test("an event may say how it counts, in one of two ways", () => {
  for (const counting of ["inclusive", "exclusive", null, "both", true, {}]) {
    const said = { ...plain, metadata: { ...plain.metadata, counting } };
    const isRight = counting === null || counting === "inclusive" || counting === "exclusive";
    assert.equal(plainEvent(said) !== null, isRight);
    const issues = UsageEvent.safeParse(said).error?.issues.map(({ path, message }) =>
      `${path.join("/")} ${message}`
    );
    assert.deepEqual(
      issues,
      isRight ? undefined : ['metadata/counting is neither "inclusive" nor "exclusive"'],
    );
  }
});

Deno.test("no event is plain that the schema refuses, whatever one or two fields hold", () => {
  fc.assert(
    fc.property(
      fc.oneof(event, event.map((odd) => ({ ...plain, ...pick(odd, 2) }))),
      (raw) => {
        if (plainEvent(raw) !== null) {
          assert.ok(UsageEvent.safeParse(raw).success, JSON.stringify(raw));
        }
      },
    ),
    { numRuns: 3000 },
  );
});

Deno.test("a plain event is stored as the schema makes it, defaults and a Z aside", () => {
  fc.assert(
    fc.property(event.map((odd) => ({ ...plain, ...pick(odd, 1) })), (raw) => {
      const stored = plainEvent(raw);
      if (stored === null) return;
      const { timestamp, ...rest } = UsageEvent.parse(raw);
      assert.equal(timestamp, `${raw.timestamp}Z`);
      const expected = { ...rest, timestamp: raw.timestamp };
      assert.deepEqual({ ...expected, ...stored }, expected);
      if ("id" in raw) assert.deepEqual(stored, expected);
    }),
    { numRuns: 2000 },
  );
});

function pick(event: object, most: number): object {
  return Object.fromEntries(Object.entries(event).slice(0, most));
}
