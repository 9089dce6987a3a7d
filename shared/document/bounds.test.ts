import assert from "node:assert/strict";
import { boundDocument, boundJson, MOST_AGENTS, MOST_GROUPS, MOST_LINES } from "./bounds.ts";
import { acme } from "./samples.ts";
import type { DocumentLine } from "./schema.ts";

const LINE: DocumentLine = {
  kind: "usage",
  description: "Model",
  detail: null,
  period: null,
  agent: null,
  quantity: "1",
  unit: "tokens",
  unit_price: "1",
  per: null,
  amount_minor: 3,
  tiers: null,
};

const lines = (count: number, of: (index: number) => Partial<DocumentLine> = () => ({})) =>
  Array.from({ length: count }, (_, index) => ({ ...LINE, ...of(index) }));
const bound = (all: DocumentLine[]) => boundDocument({ ...acme, lines: all });
const sum = (all: readonly DocumentLine[]) =>
  all.reduce((total, { amount_minor }) => total + amount_minor, 0);

Deno.test("up to 200 lines are shown as they are, without an annex", () => {
  const all = lines(MOST_LINES);
  assert.deepEqual(bound(all), { document: { ...acme, lines: all }, annex: null });
});

Deno.test("of more lines the rest is summed by kind and unit, and not a cent is lost", () => {
  const all = lines(1000, (index) => ({ unit: `unit ${index % 50}`, amount_minor: index - 300 }));
  all.push({ ...LINE, kind: "minimum", description: "Minimum", unit: null, amount_minor: 7 });
  const { document } = bound(all);
  assert.equal(sum(document.lines), sum(all));
  assert.equal(document.lines.length, MOST_LINES);
  assert.ok(document.lines.some(({ description }) => description === "Minimum"));
  const more = document.lines.filter(({ description }) => /^\d+ more lines/.test(description));
  assert.equal(more.length, MOST_GROUPS);
  // 1001 lines, of which 180 are shown.
  const counted = more.map(({ description }) => Number.parseInt(description));
  assert.equal(counted.reduce((total, one) => total + one, 0), 821);
});

Deno.test("the annex has every line, and no cell is a formula", () => {
  const all = lines(300, (index) => index === 0 ? { description: '=cmd|"x", y', agent: "+1" } : {});
  const rows = bound(all).annex?.split("\r\n") ?? [];
  assert.equal(rows.length, 302);
  assert.equal(rows[1], `1,usage,"'=cmd|""x"", y",,'+1,,,1,tokens,1,,0.03,USD`);
  assert.equal(rows[301], "");
});

Deno.test("a file of JSON is whole up to its bound, and sums of the rest beyond", () => {
  const document = { ...acme, lines: lines(100) };
  assert.deepEqual(boundJson(document, 100), document);
  const bounded = boundJson(
    { ...acme, lines: lines(101, (index) => ({ agent: `A${index}` })) },
    100,
  );
  assert.equal(sum(bounded.lines), 303);
  assert.deepEqual(
    bounded.lines.slice(79, 81).map(({ agent, description, detail }) => [
      agent,
      description,
      detail,
    ]),
    [["A79", "Model", null], [null, "21 more lines, tokens", "more than a file holds"]],
  );
  assert.equal(bounded.lines.length, 81);
  const [agent] = acme.agents;
  assert.ok(agent);
  const many = boundJson({ ...acme, agents: Array.from({ length: 30 }, () => agent) }, 25);
  assert.equal(many.agents.length, 25);
  assert.equal(many.agents.at(-1)?.agent, "6 more agents");
});

Deno.test("agents beyond 60 are one row with their sums", () => {
  const agents = Array.from({ length: 100 }, (_, index) => ({
    agent: `A${index}`,
    requests: "1",
    input_tokens: "2.5",
    output_tokens: "0",
    other_units: "0",
    amount_minor: 1,
  }));
  const { document } = boundDocument({ ...acme, agents });
  assert.equal(document.agents.length, MOST_AGENTS);
  assert.deepEqual(document.agents.at(-1), {
    agent: "41 more agents",
    requests: "41",
    input_tokens: "102.5",
    output_tokens: "0",
    other_units: "0",
    amount_minor: 41,
  });
});

Deno.test("text that fills pages is cut", () => {
  const { document } = bound([{
    ...LINE,
    description: "x".repeat(4000),
    detail: "y".repeat(4000),
  }]);
  assert.deepEqual(
    [document.lines[0]?.description.length, document.lines[0]?.detail?.length],
    [500, 500],
  );
});
