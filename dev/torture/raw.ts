/** What decides the invoices, as the independent rater takes it. */
import type { Sql } from "postgres";
import { z } from "zod";
import type { Meter } from "../../shared/rater/rate-month.ts";
import { readWorld } from "../rater/read-world.ts";
import type { World } from "../../shared/rater/world.ts";
import { servedAsExpected, type ServiceBook } from "./service.ts";

export interface Raw {
  readonly world: World;
  readonly meters: readonly Meter[];
}

const meterRows = z.array(z.object({
  client_id: z.string(),
  metric: z.string(),
  rate_class: z.string(),
  model: z.string().nullable(),
  effective_from: z.string(),
  effective_until: z.string(),
}));

/** The raw rows. On which days clients that leave and come back are served is known, not read. */
export async function readRaw(sql: Sql, service: ServiceBook): Promise<Raw> {
  const world = await readWorld(sql);
  return {
    world: servedAsExpected(world, service),
    meters: meterRows.parse(
      await sql`
        select client_id, metric, rate_class, model, effective_from::text, effective_until::text
        from public.stripe_meters`,
    ),
  };
}
