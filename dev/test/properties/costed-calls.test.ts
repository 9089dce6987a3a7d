import assert from "node:assert/strict";
import process from "node:process";
import postgres, { type Sql } from "postgres";
import { z } from "zod";
import type { ListedModel } from "../../../shared/catalogue/list-price.ts";
import { parseLitellm } from "../../../shared/catalogue/litellm.ts";
import { SNAPSHOT_FETCHED_AT, snapshotUrl, unpacked } from "../../../shared/catalogue/snapshot.ts";
import { hashOf, syncBatches } from "../../../shared/catalogue/sync-batches.ts";
import { insert } from "../cases/insert.ts";
import { transactions } from "../cases/rolled-back.ts";
import {
  classOf,
  type CostedCall,
  costedCall,
  INPUT,
  intendedDifference,
  isSame,
  METRICS,
} from "./costed-calls.ts";

// COSTED_CALLS names a file with more calls of the kind, JSON lines, packed by gzip or not.
const file = process.env["COSTED_CALLS"] ?? new URL("./costed-calls.jsonl", import.meta.url);
const calls = (await unpacked(await Deno.readFile(file))).trim().split("\n")
  .map((line) => costedCall.parse(JSON.parse(line)));
const text = await unpacked(await Deno.readFile(snapshotUrl));
const catalogue = parseLitellm(text);
const models = new Map(catalogue.models.map((model) => [model.id, model]));

interface Costed {
  readonly place: number;
  readonly call: CostedCall;
  readonly model: ListedModel;
  readonly rateClass: string;
}

const costed: readonly Costed[] = calls.map((call, place) => {
  const model = models.get(call.model);
  if (model === undefined) throw new Error(`no list price of ${call.model}`);
  return { place, call, model, rateClass: classOf(call, model) };
});

const sums = z.array(z.object({ place: z.int(), input: z.string(), output: z.string() }));

/** Writes the snapshot, or some models of it, to the catalogue. */
async function sync(sql: Sql, models = catalogue.models): Promise<string> {
  const [given = []] = syncBatches({ models, skipped: [] }, models.length);
  const [row] = await sql`
    select concat_ws(' ', s.new_models, s.new_prices, s.proposals) as said
    from billing.sync_list_prices('litellm', ${await hashOf(text)}, ${SNAPSHOT_FETCHED_AT},
      ${models.length}, ${JSON.stringify(given)}::text::jsonb) s`;
  return String(row?.said);
}

async function analyze(): Promise<void> {
  const sql = postgres(process.env["DATABASE_URL"] ?? "", { max: 1, onnotice: () => {} });
  await sql`analyze public.listed_models, public.list_prices, public.price_proposals`;
  await sql.end();
}

/** Calls whose cost differs from LiteLLM's, other than is meant. */
function differing(found: z.infer<typeof sums>, of: readonly Costed[]): string[] {
  const ours = new Map(found.map((row) => [row.place, row]));
  return of.flatMap(({ place, call, model, rateClass }) => {
    const { input, output } = ours.get(place) ?? { input: "0", output: "0" };
    return isSame(input, call.input_cost) && isSame(output, call.output_cost) ||
        intendedDifference(call, model) !== undefined
      ? []
      : [`${JSON.stringify(call)} at ${rateClass}: ${input} and ${output}`];
  });
}

Deno.test("list prices at cost_plus 0 % are what LiteLLM's calculator says, at every class", async () => {
  await using database = transactions();
  // Analyzed while only what was rolled back lies in it, the catalogue passes for empty, however
  // much it gets: a plan for one row took minutes.
  await database.rolledBack((sql) => sync(sql));
  await analyze();
  await database.rolledBack(async (sql) => {
    await sql`set local statement_timeout = '30s'`;
    assert.match(await sync(sql), /^4877 \d{5} 0$/);
    assert.equal(await sync(sql), "0 0 0", "an unchanged source writes nothing");
    const pools = costed.flatMap(({ place, call, rateClass }) =>
      Object.entries(METRICS).filter(([, pool]) => call[pool] > 0).map(([metric, pool]) => ({
        place,
        model: call.model,
        metric,
        rate_class: rateClass,
        quantity: call[pool],
        is_input: metric in INPUT,
      }))
    );
    const found = sums.parse(
      await sql`
        with pools as materialized (
          select * from jsonb_to_recordset(${JSON.stringify(pools)}::text::jsonb) p(place integer,
            model text, metric text, rate_class text, quantity numeric, is_input boolean)
        ), listed as materialized (
          select r.model, r.metric, r.rate_class, l.amount
          from billing.list_price_ranges((select array_agg(model) from pools),
            (select array_agg(metric) from pools), (select array_agg(rate_class) from pools)) r
          join public.list_prices l on l.id = r.list_price_id
        )
        select p.place,
          coalesce(sum(p.quantity * billing.cost_plus_amount(l.amount, 0, 0, 1))
            filter (where p.is_input), 0)::text as input,
          coalesce(sum(p.quantity * billing.cost_plus_amount(l.amount, 0, 0, 1))
            filter (where not p.is_input), 0)::text as output
        from pools p join listed l using (model, metric, rate_class) group by p.place`,
    );
    assert.deepEqual(differing(found, costed).slice(0, 10), []);
    const meant = costed.filter(({ call, model }) => intendedDifference(call, model) !== undefined);
    assert.ok(meant.length < costed.length / 50, `${meant.length} differ as they are meant to`);
  });
});

Deno.test("calls are billed at cost_plus 0 % what LiteLLM's calculator says, at their rate class", async () => {
  await using database = transactions();
  await database.rolledBack(async (sql) => {
    await sync(sql, [...new Set(costed.map(({ model }) => model))]);
    const client = "00000000-0000-4000-8000-0000000000c0";
    await sql`select set_config('billing.as_of', '2026-06-30 12:00+00', true)`;
    await sql`update public.billing_settings set max_usage_keys_per_day = 10000000`;
    await insert(sql, "clients", { id: client, name: "Costed", started_on: "2026-06-01" });
    await insert(sql, "billing_config", { client_id: client, line_grouping: "agent" });
    await sql`
      insert into public.prices (client_id, metric, pricing_model, unit_amount, per_units,
        markup_percent)
      select ${client}, m, 'cost_plus', 0, 1000000, 0
      from unnest(${Object.keys(METRICS)}::text[]) m`;
    await sql`
      insert into public.models (id, family, provider, long_context_above, long_context_2_above,
        long_context_3_above)
      select m.id, m.id, 'anthropic', t.first, t.second, t.third
      from public.listed_models m cross join lateral billing.listed_thresholds(m.id) t
      where t.first is not null
      on conflict (id) do update set long_context_above = excluded.long_context_above,
        long_context_2_above = excluded.long_context_2_above,
        long_context_3_above = excluded.long_context_3_above`;
    const logs = costed.map(({ place, call }) => ({
      agent: String(place),
      client_id: client,
      model: call.model,
      input_tokens: call.text_in,
      output_tokens: call.text_out,
      other_features: Object.fromEntries(
        ["cache_write_1h_tokens", "input_audio_tokens", "output_audio_tokens"]
          .map((metric) => [metric, quantityOf(call, metric)]).filter(([, quantity]) =>
            quantity !== 0
          ),
      ),
      metadata: {
        counting: "exclusive",
        cache_read_tokens: call.cache_read,
        cache_write_tokens: call.cache_write_5m,
        reasoning_tokens: call.reasoning,
        ...call.service_tier === null ? {} : { service_tier: call.service_tier },
      },
      timestamp: `2026-06-${String(place % 28 + 1).padStart(2, "0")}T12:00:00Z`,
    }));
    await sql`
      insert into public.agent_usage_logs (agent, client_id, model, input_tokens, output_tokens,
        other_features, metadata, "timestamp")
      select agent, client_id, model, input_tokens, output_tokens, other_features, metadata,
        "timestamp"
      from jsonb_populate_recordset(null::public.agent_usage_logs, ${
      JSON.stringify(logs)
    }::text::jsonb)`;
    await sql`select _billing.rollup()`;
    const found = sums.parse(
      await sql`
        select l.agent::integer as place,
          coalesce(sum(l.precise_amount) filter (
            where l.metric = any (${Object.keys(INPUT)})), 0)::text as input,
          coalesce(sum(l.precise_amount) filter (
            where l.metric <> all (${Object.keys(INPUT)})), 0)::text as output
        from _billing.rate_usage(array[(${client}, '2026-06-01', '2026-07-01')
          ::billing.rating_target]) l
        group by l.agent`,
    );
    assert.deepEqual(differing(found, costed).slice(0, 10), []);
    for (const long of ["long_context", "long_context_2"]) {
      assert.ok(costed.some(({ rateClass }) => rateClass.endsWith(long)), long);
    }
  });
});

/** What of a call a metric counts, by its name. */
function quantityOf(call: CostedCall, metric: string): number {
  const pool = Object.entries(METRICS).find(([name]) => name === metric)?.[1];
  return pool === undefined ? 0 : call[pool];
}
