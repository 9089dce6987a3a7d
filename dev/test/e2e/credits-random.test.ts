import { deepStrictEqual, ok } from "node:assert/strict";
import { surviveLostConnections } from "../../platform/client-errors.ts";
import { type Life, live } from "../credits/live.ts";
import { withWorlds } from "../credits/worlds.ts";
import { platform } from "../support/platform-env.ts";

const LIFE: Life = {
  seed: "15",
  operations: 240,
  clients: 8,
  sessions: 3,
  killEvery: 40,
  checkEvery: 80,
};

// What is put to the test is in SQL: one engine tells as much as two.
if (platform.engine === "embedded") {
  surviveLostConnections();
  Deno.test("random operations on credit, two at once, sessions ended: the books are the rater's", () =>
    withWorlds("embedded", async (world) => {
      const lived = await world((connect) => live(connect, LIFE));
      deepStrictEqual(lived.violations, []);
      ok(lived.done > LIFE.operations / 4, `${lived.done} were done`);
      ok(lived.killed > 0, "sessions were ended");

      const broken = await world(async (connect) => {
        const sql = connect();
        await sql`alter table public.credit_entries disable trigger sum_credit_entries`;
        await sql.end();
        return await live(connect, { ...LIFE, operations: 40, checkEvery: 40 });
      });
      const found = broken.violations.join("\n");
      ok(/credit_sum_is_entries/.test(found), `seen by the invariants: ${found}`);
    }));
}
