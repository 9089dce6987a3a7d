import type { Sql } from "postgres";
import { type World, worldSchema } from "../../shared/rater/world.ts";

/** Reads the raw rows that decide invoices; everything as text, so that it stays exact. */
export async function readWorld(sql: Sql): Promise<World> {
  const [settings] = await sql`
    select default_client_id, max_units_per_event::text from public.billing_settings`;
  const unbilled = await sql`select metric from billing.unbilled_metrics`;
  return worldSchema.parse({
    clients: await sql`
      select c.id, c.external_id, c.name, c.time_zone, c.billing_anchor_day, (
          select coalesce(json_agg(json_build_object(
            'starts_on', s.starts_on::text, 'ends_on', s.ends_on::text)), '[]')
          from public.service_intervals s where s.client_id = c.id) as service
      from public.clients c`,
    zones: await sql`
      select client_id, effective_from::text, time_zone from public.client_time_zones`,
    assignments: await sql`
      select agent, client_id, starts_at::text, ends_at::text from public.agent_assignments`,
    default_client_id: settings?.default_client_id,
    max_units_per_event: settings?.max_units_per_event,
    models: await sql`
      select id, family, provider, long_context_above::text, long_context_2_above::text,
        long_context_3_above::text
      from public.models`,
    providers: await sql`
      select id, cache_read_within_input, cache_write_within_input, reasoning_within_output
      from public.providers`,
    currencies: await sql`select code, exponent from public.currencies`,
    prices: await sql`
      select id, client_id, model, family, metric, rate_class, currency, pricing_model,
        unit_amount::text, per_units::text, tiers::text, free_units::text, class_multipliers::text,
        markup_percent::text, cost_basis, effective_from::text, effective_until::text
      from public.prices`,
    list_prices: await sql`
      select id::text, model, metric, rate_class, amount::text, effective_from::text,
        effective_until::text
      from public.list_prices l
      where exists (select from public.prices p where p.pricing_model = 'cost_plus')`,
    config: await sql`
      select client_id, effective_from::text, effective_until::text, currency,
        minimum_minor::text, discount_percent::text, discount_minor::text, discount_until::text,
        taxes::text, line_grouping
      from public.billing_config`,
    unbilled_metrics: unbilled.map(({ metric }) => metric),
    rate_classes: await sql`
      select place, rate_class, metadata::text, thresholds from billing.rate_class_conditions`,
    logs: await sql`
      select id, agent, model, input_tokens::text, output_tokens::text, web_searches::text,
        other_features::text, input_cost::text, output_cost::text, total_cost::text, metadata::text, timestamp::text, client_id, corrects_id,
        calls::text
      from public.agent_usage_logs`,
  });
}
