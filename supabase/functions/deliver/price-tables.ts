import type { Sql } from "postgres";
import postgres from "postgres";
import { z } from "zod";
import { SourceUnreadable } from "../../../shared/catalogue/list-price.ts";
import { storableText } from "../_shared/outbound/storable-text.ts";
import type { PriceTables } from "./kinds/price-sync.ts";

const counts = z.tuple([
  z.object({ new_models: z.int(), new_prices: z.int(), proposals: z.int() }),
]);

/** The catalogue in the database. Throws `PostgresError` when a statement fails. */
export function priceTables(sql: Sql): PriceTables {
  return {
    url: async (source) => {
      const [row] = await sql<{ url: string }[]>`
        select url from public.price_sources where id = ${source} and enabled`;
      return row?.url ?? null;
    },
    isCompared: async (source, sha256) => {
      const [row] = await sql<{ is_compared: boolean; models: number }[]>`
        select _billing.is_compared(${source}, ${sha256}), s.models
        from billing.price_source_states s where s.source = ${source}`;
      if (row?.is_compared !== true) return false;
      await sql`
        select _billing.note_compared(${source}, ${sha256}, ${row.models}, now())`;
      return true;
    },
    compare: async ({ source, sha256, fetchedAt, models, raw }) => {
      try {
        return await sql.begin(async (within) => {
          const [sums] = counts.parse([
            ...await within`
              select new_models, new_prices, proposals
              from billing.sync_list_prices(${source}, ${sha256}, ${fetchedAt}::text::timestamptz,
                ${models.length}, ${JSON.stringify(models)}::text::jsonb, ${raw}::bytea)`,
          ]);
          await within`
            select _billing.note_compared(${source}, ${sha256}, ${models.length},
              ${fetchedAt}::text::timestamptz)`;
          return sums;
        });
      } catch (error) {
        // What the database refuses of it is wrong with the source.
        if (error instanceof postgres.PostgresError && /^(PT4|2[23])/.test(error.code)) {
          throw new SourceUnreadable(error.message.slice(0, 300));
        }
        throw error;
      }
    },
    noteProblem: async (source, problem) => {
      await sql`select _billing.note_price_problem(${source}, ${storableText(problem)})`;
    },
  };
}
