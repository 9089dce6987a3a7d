import assert from "node:assert/strict";
import { grouped, progressTo } from "./progress.ts";

/** What two steps write, the second of which fails. */
async function written(isTerminal: boolean): Promise<string> {
  const texts: string[] = [];
  let clock = 0;
  const progress = progressTo({
    write: (text) => texts.push(text),
    isTerminal,
    now: () => clock += 1500,
  });
  const value = await progress.step("Loading", (tell) => {
    tell("1 of 2");
    return Promise.resolve(["2 rows", 7]);
  });
  assert.equal(value, 7);
  await assert.rejects(
    progress.step("Billing", () => Promise.reject(new Error("no"))),
    /no/,
  );
  return texts.join("").replace(/ +/g, " ");
}

Deno.test("a log gets one line for each step, failed ones too", async () => {
  assert.equal(await written(false), "✓ Loading 2 rows (1.5 s)\n✗ Billing failed\n");
});

Deno.test("a terminal sees how far a step is, in the line that says the outcome", async () => {
  const [first] = (await written(true)).split("\n");
  assert.equal(
    first?.replaceAll("\r\x1b[2K", "|"),
    "|… Loading |… Loading 1 of 2|✓ Loading 2 rows (1.5 s)",
  );
});

Deno.test("thousands are told apart", () => {
  assert.deepEqual([7, 999, 1000, 1234567].map(grouped), ["7", "999", "1,000", "1,234,567"]);
});
