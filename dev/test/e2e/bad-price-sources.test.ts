import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { withBadServices } from "../support/bad-services-world.ts";
import { BAD_ANSWERS } from "../support/bad-service.ts";
import { platform } from "../support/platform-env.ts";

Deno.test({
  name:
    "a source of prices that answers badly changes nothing in the database, and is read when it is well",
  // It is about answers and what is stored after them: one engine tells as much as two.
  ignore: platform.engine !== "embedded",
  // What a source holds open goes on after the delivery was given up; it ends by itself.
  sanitizeResources: false,
  sanitizeOps: false,
  fn: () =>
    withBadServices(async ({ sql, misbehave, run, sourceUrl, services: { source } }) => {
      await sql`
        update public.price_sources set url = ${sourceUrl}, enabled = true where id = 'litellm'`;
      let day = 0;
      const read = async () => {
        day += 1;
        await sql`
          select billing.queue_price_syncs(timestamptz '2026-12-01' + ${day} * interval '1 day')`;
        // Alone: neither what was tried before, nor what operators are told of it.
        const [one] = await sql<{ key: string }[]>`
          update public.deliveries set due_at = case
            when dedupe_key = 'price_sync:litellm:' || (date '2026-12-01' + ${day}::int)
              then now() - interval '1 second' else 'infinity' end
          where state in ('queued', 'waiting') returning dedupe_key as key`;
        ok(one);
        await run("smtp");
        const [last] = await sql<{ state: string; error: string | null }[]>`
          select state, last_error as error from public.deliveries where kind = 'price_sync'
          order by id desc limit 1`;
        return last;
      };
      const kept = () =>
        sql`select (select count(*)::int from public.price_syncs) as syncs,
          (select md5(string_agg(p::text, ',' order by p::text)) from public.list_prices p)
            as prices`;
      const failsEveryWay = async () => {
        const before = await kept();
        for (const moment of ["before", "after"] as const) {
          for (const way of BAD_ANSWERS) {
            misbehave({ way, moment });
            const asked = source.asked;
            const { state, error = null } = await read() ?? {};
            const which = `${way}, ${moment} it has answered: ${state}, ${error}`;
            ok(["queued", "skipped", "dead"].includes(state ?? ""), which);
            ok((error ?? "").length > 5 && !error?.includes("\0"), which);
            strictEqual(source.asked > asked, moment === "after", which);
            deepStrictEqual(await kept(), before, which);
          }
        }
        misbehave(null);
      };
      await failsEveryWay();
      deepStrictEqual((await read())?.state, "done");
      const [read1] = await kept();
      ok(read1?.syncs > 0 && read1?.prices !== null);
      // With prices that were read, too.
      await failsEveryWay();
      const [last] = await kept();
      deepStrictEqual(last, read1);
      deepStrictEqual((await read())?.state, "done");
    }),
});
