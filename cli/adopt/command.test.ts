import { deepStrictEqual, throws } from "node:assert/strict";
import { optionsOf } from "./command.ts";
import { migrationOf, publicNames } from "./migrations.ts";

Deno.test("cut-over days are for all or for one client; text that is no day is refused", () => {
  deepStrictEqual(
    optionsOf({ cutOver: ["2026-10-01", "acme=2026-11-01", "a=b=2026-12-01"] }, {}),
    {
      cutOver: "2026-10-01",
      cutOvers: { "acme": "2026-11-01", "a=b": "2026-12-01" },
      logsFrom: null,
      isLive: true,
      moveOtherLog: false,
    },
  );
  for (const day of ["October", "2026-10", "acme=2026-1-1"]) {
    throws(() => optionsOf({ cutOver: [day] }, {}), /is no day/);
  }
  throws(() => optionsOf({ logsFrom: "all" }, {}), /is no day/);
});

Deno.test("the mode of Stripe customers is that of the key, unless it is said", () => {
  const isLive = (stripeMode: string | undefined, STRIPE_API_KEY: string | undefined) =>
    optionsOf({ ...stripeMode !== undefined && { stripeMode } }, { STRIPE_API_KEY }).isLive;
  deepStrictEqual([
    isLive(undefined, undefined),
    isLive(undefined, "sk_test_x"),
    isLive(undefined, "sk_live_x"),
    isLive("live", "sk_test_x"),
    isLive("test", undefined),
  ], [true, false, true, true, false]);
  throws(() => isLive("both", undefined), /live or test/);
});

Deno.test("a release is applied source by source, any other migration as one piece", () => {
  const release = migrationOf(
    "20260601000000_release_0_1_0.sql",
    "-- Release\n\n-- 00_foundation/schemas.sql\n\ncreate schema billing;\n" +
      "-- 20_usage/agent_keys/keys.sql\n\ncreate table public.things ();\n",
  );
  deepStrictEqual(release, {
    version: "20260601000000",
    name: "release_0_1_0",
    pieces: [
      { name: "00_foundation/schemas.sql", sql: "\n\ncreate schema billing;\n" },
      { name: "20_usage/agent_keys/keys.sql", sql: "\n\ncreate table public.things ();\n" },
    ],
  });
  deepStrictEqual(publicNames([release]), ["things"]);
  deepStrictEqual(migrationOf("2_more.sql", "select 1;").pieces, [
    { name: "2_more.sql", sql: "select 1;" },
  ]);
});
