import {
  featureOf,
  logFeature,
  logOfNobody,
  logSearches,
  logTokens,
  rollup,
  type Step,
} from "./settling-scenario.ts";

/** What moves while a month is settled, for settling-moves.test.ts. */

/** A change, and what shows that it matters: June of `prepare` is 30.00, 3000 minor units. */
export interface Change {
  /** What the client has besides, so that the change matters. */
  readonly before?: Step;
  readonly change: Step;
  /** What is done where the change is not made; nothing unless given. */
  readonly instead?: Step;
  /**
   * What June is without the change and with it: minor units, and the series of its number; null
   * where nothing is invoiced.
   */
  readonly june: readonly [string | null, string | null];
  /** It is refused wherever something depends on it; then June is as it was. */
  readonly isRefused?: boolean;
}

const LAST_NIGHT = "2026-06-30T13:00:00Z";
const VAT = [{ name: "VAT", rate_percent: "10", behavior: "exclusive" }] as const;

/** Changes of usage, and of whose it is. */
const USAGE_CHANGES: Readonly<Record<string, readonly Change[]>> = {
  "public.usage_records": [{
    change: async (sql, scenario) => {
      await logSearches(sql, scenario, 700);
      await rollup(sql);
    },
    june: ["3000 INV", "3700 INV"],
  }],
  "public.agent_usage_logs": [{
    change: async (sql, { client }) => {
      await sql`
        select billing.retract_log(l.id, 'sent twice') from public.agent_usage_logs l
        where l.client_id = ${client} and l.web_searches = 1000`;
      await rollup(sql);
    },
    june: ["3000 INV", "2000 INV"],
  }, {
    before: async (sql, { client, model }) => {
      await sql`insert into billing.usage_sources (id) values (${client})`;
      await sql`
        insert into billing.usage_source_agents (agent, source_id) values (${model}, ${client})`;
    },
    change: async (sql, { client, model }) => {
      const at = "2026-06-10 10:01+00";
      await sql`
        select billing.push_windows(${client}, ${
        sql.json([{
          agent: model,
          model,
          client_id: client,
          calls: 1,
          web_searches: 300,
          timestamp: at,
        }])
      })`;
      await rollup(sql);
    },
    june: ["3000 INV", "3300 INV"],
  }],
  "billing.rebuild_requests": [{
    before: async (sql, { client, model }) => {
      await sql`update public.clients set external_id = ${model} where id = ${client}`;
      await logOfNobody(sql, model, { client_id: model });
    },
    change: async (sql, { client }) => {
      await sql`select set_config('billing.rebuilt_at_once', '0', false)`;
      await sql`update public.clients set external_id = ${client} where id = ${client}`;
      await rollup(sql);
      await sql`select set_config('billing.rebuilt_at_once', '', false)`;
    },
    june: ["3400 INV", null],
  }],
  "public.agent_assignments": [{
    before: (sql, { model }) => logOfNobody(sql, model, {}),
    change: async (sql, { client, model }) => {
      await sql`
        insert into public.agent_assignments (agent, client_id, starts_at)
        values (${model}, ${client}, '2026-06-01')`;
      await rollup(sql);
    },
    june: ["3000 INV", "3400 INV"],
  }],
  "billing.dismissed_logs": [{
    before: (sql, scenario) => logFeature(sql, scenario, 5),
    change: async (sql, { client }) => {
      await sql`select billing.dismiss_unpriced('a flood', ${client})`;
      await rollup(sql);
    },
    june: [null, "3000 INV"],
  }],
  "billing.rate_class_conditions": [{
    before: async (sql, scenario) => {
      await sql`
        insert into public.prices (client_id, metric, rate_class, unit_amount) values
          (${scenario.client}, 'input_tokens', 'standard', 0.01),
          (${scenario.client}, 'input_tokens', 'batch', 0.02)`;
      await logTokens(sql, scenario, { [featureOf(scenario)]: true });
    },
    change: async (sql, scenario) => {
      await sql`
        insert into billing.rate_class_conditions (place, rate_class, metadata)
        select max(place) + 1, 'batch', ${sql.json({ [featureOf(scenario)]: true })}
        from billing.rate_class_conditions`;
      await rollup(sql);
    },
    june: ["4000 INV", "5000 INV"],
  }],
  "public.providers": [{
    before: async (sql, scenario) => {
      const { client, model } = scenario;
      await sql`
        insert into public.providers (id, cache_read_within_input, reasoning_within_output)
        values (${client}, false, false)`;
      await sql`
        insert into public.models (id, family, provider) values (${model}, ${model}, ${client})`;
      await sql`
        insert into public.prices (client_id, metric, unit_amount) values
          (${client}, 'input_tokens', 0.01), (${client}, 'cache_read_tokens', 0.001)`;
      await logTokens(sql, scenario, { cache_read_tokens: 400 });
    },
    change: async (sql, { client }) => {
      await sql`update public.providers set cache_read_within_input = true where id = ${client}`;
      await rollup(sql);
    },
    // 1,000 at 0.01 and 400 at 0.001; then 600 and 400.
    june: ["4040 INV", "3640 INV"],
  }],
};

/** Changes of terms: what usage costs, and when there is service. */
const TERM_CHANGES: Readonly<Record<string, readonly Change[]>> = {
  "public.prices": [{
    change: (sql, { client }) =>
      sql`
        insert into public.prices (client_id, metric, unit_amount, effective_from)
        values (${client}, 'web_searches', 0.05, '2026-06-01')`,
    june: ["3000 INV", "7000 INV"],
  }, {
    before: async (sql, scenario) => {
      await sql`
        insert into public.prices (metric, unit_amount) values (${featureOf(scenario)}, 0.01)`;
      await logFeature(sql, scenario, 500);
    },
    change: (sql, scenario) =>
      sql`update public.prices set unit_amount = 0.02 where metric = ${featureOf(scenario)}`,
    june: ["3500 INV", "4000 INV"],
  }, {
    before: (sql, { client }) =>
      sql`
        insert into public.prices (client_id, metric, unit_amount)
        values (${client}, 'web_searches', 0.05)`,
    change: (sql, { client }) =>
      sql`delete from public.prices where client_id = ${client} and metric = 'web_searches'`,
    june: ["7000 INV", "3000 INV"],
  }],
  "billing.price_models": [{
    change: (sql) =>
      sql`
        update billing.price_models set is_linear = not is_linear where model = 'graduated'`,
    before: (sql, { client }) =>
      sql`
        insert into public.prices (client_id, metric, pricing_model, tiers)
        values (${client}, 'web_searches', 'graduated',
          '[{"up_to": 500, "unit_amount": 0.02}, {"unit_amount": 0.01}]')`,
    // 500 at 0.02 and 500 at 0.01.
    june: ["3500 INV", "3500 INV"],
    isRefused: true,
  }],
  "public.list_prices": [{
    change: (sql, { model }) =>
      sql`
        with ended as (
          update public.list_prices set effective_until = '2026-06-05' where model = ${model}
          returning *
        )
        insert into public.list_prices (provider, model, metric, amount, effective_from, sync_id,
          source_field, source_text)
        select provider, model, metric, 2, '2026-06-05', sync_id, source_field, '2' from ended`,
    june: ["3000 INV", "4000 INV"],
  }],
  "public.billing_config": [{
    change: (sql, { client }) =>
      sql`
        update public.billing_config set minimum_minor = 90000 where client_id = ${client}`,
    // The item comes on top of the minimum.
    june: ["3000 INV", "91000 INV"],
  }, {
    change: (sql, { client }) =>
      sql`
        update public.billing_config set taxes = ${sql.json(VAT)} where client_id = ${client}`,
    june: ["3000 INV", "3300 INV"],
  }, {
    // Of all clients this one alone takes the default's taxes.
    before: async (sql, { client }) => {
      await sql`
        update public.billing_config set taxes = '[]' where client_id is null`;
      await sql`update public.billing_config set taxes = null where client_id = ${client}`;
    },
    change: (sql) =>
      sql`
        update public.billing_config set taxes = ${sql.json(VAT)} where client_id is null`,
    june: ["3000 INV", "3300 INV"],
  }],
  "public.models": [{
    before: (sql) =>
      sql`
        insert into public.prices (family, metric, unit_amount) values ('dear', 'web_searches', 9)
        on conflict do nothing`,
    change: (sql, { model }) =>
      sql`
        insert into public.models (id, family, provider) values (${model}, 'dear', 'openai')
        on conflict (id) do update set family = 'dear'`,
    june: ["3000 INV", "902000 INV"],
  }],
  "public.clients": [
    {
      change: (sql, { client }) =>
        sql`update public.clients set started_on = '2026-06-11' where id = ${client}`,
      june: ["3000 INV", "1000 INV"],
    },
    {
      change: (sql, { client }) =>
        sql`update public.clients set ended_on = '2026-06-10' where id = ${client}`,
      june: ["3000 INV", "1000 INV"],
    },
    {
      // What is used after the 15th is of the next period.
      before: (sql, scenario) => logSearches(sql, scenario, 500, "2026-06-20T00:00:00Z"),
      change: (sql, { client }) =>
        sql`update public.clients set billing_anchor_day = 15 where id = ${client}`,
      june: ["3500 INV", "3000 INV"],
    },
  ],
  "public.service_intervals": [
    {
      change: (sql, { client }) =>
        sql`select billing.end_service(${client}, '2026-06-10', 'a test')`,
      june: ["3000 INV", "1000 INV"],
    },
    {
      change: (sql, { client }) =>
        sql`
          update public.service_intervals set starts_on = '2026-06-12' where client_id = ${client}`,
      june: ["3000 INV", "1000 INV"],
    },
  ],
  "public.client_time_zones": [{
    // On the last of June in UTC, the first of July in Auckland, which holds from the 21st of June.
    change: async (sql, scenario) => {
      await sql`
        update public.clients set time_zone = 'Pacific/Auckland'
        where id = ${scenario.client} and set_config('billing.as_of', '2026-06-20', true) <> ''`;
      await logSearches(sql, scenario, 500, LAST_NIGHT);
    },
    instead: (sql, scenario) => logSearches(sql, scenario, 500, LAST_NIGHT),
    june: ["3500 INV", "3000 INV"],
  }],
  "public.invoice_items": [
    {
      change: (sql, { client }) =>
        sql`
          insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
          values (${client}, 'Set-up', 20, 'USD', '2026-06-20')`,
      june: ["3000 INV", "5000 INV"],
    },
    {
      change: (sql, { client }) =>
        sql`update public.invoice_items set unit_amount = 77 where client_id = ${client}`,
      june: ["3000 INV", "9700 INV"],
    },
    {
      change: (sql, { client }) =>
        sql`delete from public.invoice_items where client_id = ${client}`,
      june: ["3000 INV", "2000 INV"],
    },
  ],
  "public.stripe_meters": [{
    change: (sql, { client }) =>
      sql`
        insert into public.stripe_meters (client_id, metric, event_name, effective_from)
        values (${client}, 'web_searches', 'searches', '2026-06-01')`,
    // Stripe bills what it is told of.
    june: ["3000 INV", "2000 INV"],
  }],
  "billing.unbilled_metrics": [{
    before: (sql, scenario) => logFeature(sql, scenario, 5),
    change: (sql, scenario) =>
      sql`
        insert into billing.unbilled_metrics (metric, why) values (${
        featureOf(scenario)
      }, 'a test')`,
    june: [null, "3000 INV"],
  }],
  "public.billing_settings": [{
    change: (sql) => sql`update public.billing_settings set number_series = number_series || 'X'`,
    june: ["3000 INV", "3000 INVX"],
  }],
};

/** Changes that would change what the client's June is invoiced at, by table. */
export const CHANGES: Readonly<Record<string, readonly Change[]>> = {
  ...USAGE_CHANGES,
  ...TERM_CHANGES,
};
