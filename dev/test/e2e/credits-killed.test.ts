import { deepStrictEqual, match, ok } from "node:assert/strict";
import { surviveLostConnections } from "../../platform/client-errors.ts";
import { killRecharges } from "../credits/kills.ts";
import { withWorlds } from "../credits/worlds.ts";
import { platform } from "../support/platform-env.ts";

const LIFE = { seed: "15", rounds: 3, killsOfRound: 12, clients: 3 };

// It is about requests and what is stored between them: one engine tells as much as two.
if (platform.engine === "embedded") {
  surviveLostConnections();
  Deno.test("recharges that are killed anywhere charge once and grant once", () =>
    withWorlds("embedded", async (world) => {
      const lived = await world((connect) => killRecharges(connect, LIFE));
      deepStrictEqual(lived.violations, []);
      ok(lived.interrupted > 10, `${lived.interrupted} of ${lived.kills} were in the middle`);

      const broken = await world(async (connect) => {
        const sql = connect();
        await sql`alter table public.invoices disable trigger follow_top_up`;
        await sql.end();
        return await killRecharges(connect, { ...LIFE, rounds: 1, killsOfRound: 2 });
      });
      match(broken.violations.join("\n"), /5000 charged, 0 grants of 0/);
    }));
}
