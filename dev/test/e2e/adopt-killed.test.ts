import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import type { BeforeCommit } from "../../../cli/adopt/steps.ts";
import { surviveLostConnections } from "../../platform/client-errors.ts";
import { picture, scansOfEarlierLog, withServer } from "../support/adoption.ts";
import { BIRCH } from "../support/earlier-october.ts";
import { buildEarlierSystem, startAgent } from "../support/earlier-system.ts";

// Sessions are killed here, and the client library may throw where nobody can catch it.
surviveLostConnections();
const LOST = new Error("the session is lost");
const delay = (milliseconds: number) =>
  new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

Deno.test("adoption that is killed at every step goes on, and the way back restores", () =>
  withServer(async ({ sql, connect, adopt }) => {
    await buildEarlierSystem(sql, 5000);
    const before = await picture(sql);
    const agent = await startAgent(connect(), BIRCH);
    const killed = new Set<string>();
    const scans: unknown[] = [];
    let pieces = 0;
    // Each session dies at the first step that none has died at. Of the pieces of the migration,
    // which are all one step to the code, those are taken that touch the log, and every tenth.
    const dieOnce: BeforeCommit = async (step, tx) => {
      if (step === "logs returned") await tx`select pg_stat_force_next_flush()`;
      if (killed.has(step)) return;
      if (step.startsWith("schema ") && !step.includes("20_usage/logs") && pieces++ % 10 > 0) {
        return;
      }
      killed.add(step);
      if (step === "log switched back") scans.push(...await scansOfEarlierLog(tx));
      died.resolve();
      await tx`select pg_terminate_backend(pg_backend_pid())`;
    };
    // The client library may leave a query of a lost session open for ever: a second is enough.
    let died = Promise.withResolvers<void>();
    const untilDone = async (what: "apply" | "undo") => {
      for (let tries = 0; tries < 1000; tries++) {
        died = Promise.withResolvers();
        const lost = died.promise.then(() => delay(1000)).then(() => Promise.reject(LOST));
        try {
          return await Promise.race([adopt(what, dieOnce), lost]);
        } catch (error) {
          if (error !== LOST) match(String(error), /terminating connection|CONNECTION_|57P01/);
        }
      }
      throw new Error("it never ended");
    };
    await untilDone("apply");
    ok(killed.size > 25, `${killed.size} steps`);
    await sql`select _billing.rollup()`;
    deepStrictEqual(
      [...await sql`select name, started_on::text from public.clients order by 1`],
      [
        { name: "Acme Robotics", started_on: "2026-10-01" },
        { name: "Birch & Sons", started_on: "2026-10-01" },
        { name: "Cobalt", started_on: "2026-10-01" },
        { name: "Gone Ltd", started_on: "2026-11-01" },
      ],
    );
    await untilDone("undo");
    deepStrictEqual(scans, [{ scans: 0 }], "none of the earlier rows is read meanwhile");
    await agent.stop();
    deepStrictEqual(agent.failures, []);
    ok(agent.slowest < 1000, `an insert took ${agent.slowest} ms`);
    const [logs] = await sql`select count(*)::integer as logs, count(distinct id)::integer as ids
    from public.agent_usage_logs`;
    deepStrictEqual(logs, {
      logs: 5001 + agent.accepted.length,
      ids: 5001 + agent.accepted.length,
    });
    strictEqual(await picture(sql), before, "the way back restores");
    match(await adopt("undo"), /nothing to undo/);
    // And once more: what is restored can be adopted.
    match(await adopt("apply"), /Adopted: \d+ steps/);
  }));
