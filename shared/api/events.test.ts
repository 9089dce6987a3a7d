import assert from "node:assert/strict";
import { MAX_METADATA_BYTES, UsageEvent } from "./events.ts";

/** What is wrong with an event of such metadata, if anything. */
function problemOf(metadata: object): string | undefined {
  const event = { agent: "SCHOLAR", model: "claude-sonnet", metadata };
  return UsageEvent.safeParse(event).error?.issues[0]?.message;
}

Deno.test("the metadata of an event has a size in bytes", () => {
  const around = '{"note":""}'.length;
  assert.equal(problemOf({ note: "x".repeat(MAX_METADATA_BYTES - around) }), undefined);
  assert.equal(
    problemOf({ note: "x".repeat(MAX_METADATA_BYTES - around + 1) }),
    "has 16385 bytes; the metadata of an event may have 16384",
  );
  assert.match(problemOf({ note: "é".repeat(MAX_METADATA_BYTES / 2) }) ?? "", /has 16395 bytes/);
});
