import assert from "node:assert/strict";
import { june2026 } from "./june.ts";

const june = june2026();

Deno.test("the month is large enough and the same every time", () => {
  const rows = june.bulk.length + june.posted.length + june.inserted.length;
  assert(june.clients.length >= 25 && rows >= 100_000);
  assert(june.posted.length >= 300);
  assert.deepEqual(june2026(), june);
});

Deno.test("every client's clock is what its zone shows all through June", () => {
  for (const { name, timeZone, juneOffset } of june.clients) {
    for (const instant of ["2026-05-31T00:00:00Z", "2026-07-01T23:00:00Z"]) {
      const format = new Intl.DateTimeFormat("en", { timeZone, timeZoneName: "longOffset" });
      const offset = format.formatToParts(Date.parse(instant))
        .find(({ type }) => type === "timeZoneName")?.value;
      const [, sign, hours = 0, minutes = 0] = /GMT(?:([+-])(\d\d):(\d\d))?/.exec(offset ?? "") ??
        [];
      const east = (Number(hours) * 60 + Number(minutes)) * (sign === "-" ? -1 : 1);
      assert.equal(east, juneOffset, `${name} at ${instant}`);
    }
  }
});

Deno.test("the two clients to check by hand add up exactly", () => {
  const sums = (agents: readonly string[], model: string) => {
    const calls = [...june.bulk, ...june.posted].filter((log) =>
      agents.includes(log.agent) && log.model.startsWith(model) &&
      log.metadata.client_id === undefined
    );
    const total = (key: "input_tokens" | "output_tokens" | "web_searches") =>
      calls.reduce((sum, call) => sum + call[key], 0);
    return [total("input_tokens"), total("output_tokens"), total("web_searches")];
  };
  const acme = ["SCHOLAR", "CHIRON"];
  assert.deepEqual(sums(acme, "claude-sonnet"), [10_000_000, 4_000_000, 500]);
  assert.deepEqual(sums(acme, "claude-opus"), [1_000_000, 200_000, 0]);
  assert.deepEqual(sums(["ATLAS"], "claude-sonnet"), [2_000_000, 500_000, 120]);
  assert.deepEqual(sums(["ATLAS"], "claude-opus"), [100_000, 50_000, 0]);
});
