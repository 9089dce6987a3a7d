import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import type { Sql } from "postgres";
import { compareMonths } from "../../../cli/adopt/compare.ts";

/** Clients of the earlier system, by their ids. */
export const ACME = "c0000000-0000-4000-8000-000000000001";
export const BIRCH = "c0000000-0000-4000-8000-000000000002";
export const COBALT = "c0000000-0000-4000-8000-000000000003";

/** Sums of October by client, model and metric, by hand: not through anything of billing. */
export async function octoberIn(sql: Sql, table: string) {
  const rows = await sql.unsafe(`
    select metadata ->> 'client_id' as client, model, sum(input_tokens)::text as input,
      sum(output_tokens)::text as output, sum(web_searches)::text as searches,
      coalesce(sum((other_features ->> 'pdf_processing')::integer), 0)::text as pdfs
    from ${table} where "timestamp" >= '2026-10-01Z' and "timestamp" < '2026-11-01Z'
      and input_tokens >= 0 group by 1, 2`);
  return rows.map((row) => ({
    client: String(row.client),
    model: String(row.model),
    input: BigInt(row.input),
    output: BigInt(row.output),
    searches: BigInt(row.searches),
    pdfs: BigInt(row.pdfs),
  }));
}

/** Cents of some units at cents per so many, half away from zero. */
const cents = (units: bigint, rate: bigint, per: bigint) => (2n * units * rate + per) / (2n * per);

/** What October costs a client, from sums and price lists written down here. */
export function october(sums: Awaited<ReturnType<typeof octoberIn>>, client: string): bigint {
  // Cents per million; Acme has its own Sonnet and search prices.
  const sonnet = client === ACME ? [250n, 1200n] : [300n, 1500n];
  const search = client === ACME ? 2n : 1n;
  const minimum = client === ACME ? 10000n : client === BIRCH ? 7500n : 5000n;
  let total = 0n;
  for (const { model, input, output, searches, pdfs } of sums.filter((s) => s.client === client)) {
    const [inputRate = 0n, outputRate = 0n] = model.includes("opus") ? [1500n, 7500n] : sonnet;
    total += cents(input, inputRate, 1_000_000n) + cents(output, outputRate, 1_000_000n) +
      searches * search + pdfs * 2n;
  }
  return total < minimum ? minimum : total;
}

/** What the earlier system would have charged: everything at once, one rounding, no PDFs. */
function octoberBefore(sums: Awaited<ReturnType<typeof octoberIn>>, client: string): bigint {
  const sonnet = client === ACME ? [250n, 1200n] : [300n, 1500n];
  const search = client === ACME ? 2n : 1n;
  let millionths = 0n;
  for (const { model, input, output, searches } of sums.filter((s) => s.client === client)) {
    const [inputRate = 0n, outputRate = 0n] = model.includes("opus") ? [1500n, 7500n] : sonnet;
    millionths += input * inputRate + output * outputRate + searches * search * 1_000_000n;
  }
  return (2n * millionths + 1_000_000n) / 2_000_000n;
}

/** Both sides of October are what was computed apart; the items' differences make up the total's. */
export async function isCompared(url: string, sums: Awaited<ReturnType<typeof octoberIn>>) {
  const rows = await compareMonths(url, ["2026-10"]) ?? [];
  for (const [name, id] of [["Acme Robotics", ACME], ["Birch & Sons", BIRCH], ["Cobalt", COBALT]]) {
    const own = rows.filter(({ client }) => client === name);
    const total = own.find(({ item }) => item === "total");
    const inCents = (value: unknown) => BigInt(Math.round(Number(value) * 100));
    strictEqual(inCents(total?.amount_here), october(sums, id ?? ""), `${name} here`);
    strictEqual(inCents(total?.amount_before), octoberBefore(sums, id ?? ""), `${name} before`);
    const items = own.filter(({ item }) => item !== "total");
    const differences = items.reduce((sum, { difference }) => sum + Number(difference), 0);
    ok(Math.abs(differences - Number(total?.difference)) < 1e-6, `${name}: ${differences}`);
    deepStrictEqual(
      items.filter(({ difference, why }) => difference !== "0" && why === null),
      [],
      "each difference has its reason",
    );
    match(
      String(items.find(({ item }) => item === "pdf_processing")?.why),
      /the earlier price list had no price for it/,
    );
  }
}
