import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import type { Sql } from "postgres";
import { z } from "zod";
import { snapshotUrl, unpacked } from "../../../shared/catalogue/snapshot.ts";
import { withDeliveryWorld } from "../support/delivery-world.ts";
import { platform } from "../support/platform-env.ts";

const MODEL = "claude-opus-4-8";
const map = await unpacked(await Deno.readFile(snapshotUrl));

/** A place on this machine that answers what it is told to. */
function startSource() {
  const say = { status: 200, body: map };
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response(say.body, { status: say.status }),
  );
  return {
    say,
    url: `http://127.0.0.1:${server.addr.port}/map.json`,
    stop: () => server.shutdown(),
  };
}

/** Each version of each row of the catalogue: the same where nothing was written. */
const versions = async (sql: Sql) =>
  z.array(z.object({ versions: z.string() })).parse([
    ...await sql`
    select md5(string_agg(x.version, ',' order by x.version)) as versions from (
      select 'p' || xmin::text || id as version from public.list_prices
      union all select 'm' || xmin::text || id from public.listed_models
      union all select 's' || xmin::text || id from public.price_syncs
      union all select 'o' || xmin::text || id from public.price_proposals
      union all select 't' || xmin::text || source from billing.price_source_states) x`,
  ])[0]?.versions;

Deno.test({
  name: "the daily job reads a whole source; unchanged, cut off, away or halved it changes nothing",
  // It is about the worker and what it writes: one engine tells as much as two.
  ignore: platform.engine !== "embedded",
  fn: () =>
    withDeliveryWorld(async ({ sql, work, passTime }) => {
      const { say, url, stop } = startSource();
      let day = 0;
      const daily = async () => {
        await sql`select billing.queue_price_syncs(timestamptz '2026-12-01' + ${day++} * interval '1 day')`;
        for (let tries = 0; tries < 6; tries++) {
          await work();
          const [row] = await sql<{ state: string; last_error: string | null }[]>`
            select state, last_error from public.deliveries
            where kind = 'price_sync' order by id desc limit 1`;
          if (row?.state !== "queued") return `${row?.state} ${row?.last_error ?? ""}`.trim();
          await passTime();
        }
        return "it does not end";
      };
      const told = async () =>
        (await sql`select from public.deliveries where dedupe_key like 'price_source:%'`).length;
      try {
        strictEqual(await daily(), "undefined", "nothing is fetched while no source is on");
        await sql`update public.price_sources set url = ${url}, enabled = true where id = 'litellm'`;

        strictEqual(await daily(), "done");
        const [kept] = await sql<{ models: number; whole: boolean }[]>`
          select (select count(*) from public.listed_models)::int as models,
            convert_from(raw, 'UTF8') = ${map} as whole from public.price_syncs`;
        deepStrictEqual({ ...kept }, { models: 4877, whole: true });

        const [size] = await sql<{ bytes: number }[]>`
          select pg_column_size(raw) as bytes from public.price_syncs`;
        ok((size?.bytes ?? 0) < 400_000, `${size?.bytes} bytes are kept of ${map.length}`);

        const before = await versions(sql);
        strictEqual(await daily(), "done");
        strictEqual(await versions(sql), before, "an unchanged source writes nothing");

        say.body = map.slice(0, 100_000);
        match(await daily(), /^skipped not JSON, or cut off/);
        say.body = "<!DOCTYPE html><html>maintenance</html>";
        match(await daily(), /^skipped not JSON/);
        say.body = "{}";
        match(await daily(), /^skipped it has no models/);
        say.body = `{"${MODEL}": {"litellm_provider": "anthropic", "input_cost_per_token": 1e-9}}`;
        match(await daily(), /^skipped .*looks cut off/);
        Object.assign(say, { status: 503, body: map });
        match(await daily(), /^skipped it answered 503/);
        deepStrictEqual(await prices(sql), ["0.000005"]);
        strictEqual(await told(), 1, "told once, however long it lasts");

        Object.assign(say, { status: 200, body: halved(map) });
        strictEqual(await daily(), "done");
        deepStrictEqual(await prices(sql), ["0.000005"]);
        const proposals = await sql<{ one: string }[]>`
          select concat_ws(' ', kind, rate_class, new_amount) as one
          from public.price_proposals order by 1`;
        deepStrictEqual(proposals.map(({ one }) => one), [
          "changed_price fast 0.000005",
          "changed_price regional 0.00000275",
          "changed_price standard 0.0000025",
        ]);
        const [state] = await sql`select problem from billing.price_source_states`;
        strictEqual(state?.problem, null, "what was wrong has ended");
      } finally {
        await stop();
      }
    }),
});

async function prices(sql: Sql): Promise<string[]> {
  const rows = await sql<{ amount: string }[]>`
    select trim_scale(amount)::text as amount from public.list_prices
    where model = ${MODEL} and metric = 'input_tokens' and rate_class = 'standard'`;
  return rows.map(({ amount }) => amount);
}

function halved(text: string): string {
  const lines = text.split("\n");
  const place = lines.findIndex((line) => line.startsWith(`"${MODEL}":`));
  const line = lines[place] ?? "";
  lines[place] = line.replace(
    /"input_cost_per_token":5(\.0)?e-0?6/,
    '"input_cost_per_token":2.5e-06',
  );
  ok(lines[place] !== line, line);
  return lines.join("\n");
}
