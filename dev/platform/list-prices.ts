import postgres from "postgres";
import { parseLitellm } from "../../shared/catalogue/litellm.ts";
import { SNAPSHOT_FETCHED_AT, snapshotUrl, unpacked } from "../../shared/catalogue/snapshot.ts";
import { hashOf, syncBatches } from "../../shared/catalogue/sync-batches.ts";

/** Writes the list prices that ship to a database; returns how many models it did not know. */
export async function loadListPrices(database: string): Promise<number> {
  const text = await unpacked(await Deno.readFile(snapshotUrl));
  const catalogue = parseLitellm(text);
  const [models = []] = syncBatches(catalogue, catalogue.models.length);
  const sql = postgres(database, { max: 1, onnotice: () => {} });
  try {
    const [row] = await sql<{ new_models: number }[]>`
      select s.new_models from billing.sync_list_prices('litellm', ${await hashOf(text)},
        ${SNAPSHOT_FETCHED_AT}, ${models.length}, ${JSON.stringify(models)}::text::jsonb) s`;
    return row?.new_models ?? 0;
  } finally {
    await sql.end();
  }
}
