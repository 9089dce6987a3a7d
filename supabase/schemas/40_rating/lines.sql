-- The types that rating hands on.

create type _billing.rated_line as (
  client_id uuid, section_start date, section_end date, kind text, rating_key text, model text,
  metric text, rate_class text, agent text, price_id uuid, service_start date, service_end date,
  quantity numeric, unit_amount numeric, per_units numeric, pricing_model text, tiers jsonb,
  precise_amount numeric, amount_minor numeric, tax_name text, tax_rate_percent numeric,
  tax_behavior text, tax_base_minor numeric, tax_note text, description text, detail text);

create type _billing.section_terms as (client_id uuid, section_start date, exponent smallint,
  discount_percent numeric, discount_minor bigint, taxes jsonb);
