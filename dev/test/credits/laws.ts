import { isDeepStrictEqual } from "node:util";
import type { Sql } from "postgres";
import { z } from "zod";
import { parseInstant } from "../../../shared/rater/calendar.ts";
import type { CreditEntry } from "../../rater/credit-events.ts";
import { creditAt } from "../../rater/credits.ts";
import { rateCredits } from "../../rater/read-credits.ts";
import type { Random } from "../support/random.ts";

const places = z.array(z.object({ began: z.string(), place: z.coerce.number() }));
const lines = z.array(z.object({ line: z.string() }));
const grants = z.array(z.object({ id: z.string(), client: z.string(), kind: z.string() }));
const balances = z.array(z.object({ wallet: z.string(), minor: z.string() }));

/**
 * What must be true after any operations: the invariants; the entries of grants are those of the
 * independent rater; balances at random instants are what the rater's entries come to.
 */
export async function contradictions(sql: Sql, random: Random): Promise<string[]> {
  const found = lines.parse(
    await sql`
    select concat_ws(' ', c.invariant, c.subject, c.detail) as line
    from billing.check_invariants() c limit 20`,
  ).map(({ line }) => line);
  const order = new Map(
    places.parse(await sql`select began, place from public.credit_acts`)
      .map(({ began, place }) => [began, place]),
  );
  const { booked, rated } = await rateCredits(sql, order);
  if (!isDeepStrictEqual(booked, rated)) found.push(...differences(booked, rated));
  return [...found, ...await pastBalances(sql, random, rated)].slice(0, 20);
}

function differences(booked: readonly CreditEntry[], rated: readonly CreditEntry[]): string[] {
  const text = ({ grant, kind, amount, at, line }: CreditEntry) =>
    `grant ${grant} ${kind} ${amount} at ${at} line ${line}`;
  const [inBooks, byRater] = [new Set(booked.map(text)), new Set(rated.map(text))];
  return [
    ...[...inBooks].filter((entry) => !byRater.has(entry)).map((entry) => `booked: ${entry}`),
    ...[...byRater].filter((entry) => !inBooks.has(entry)).map((entry) => `by rater: ${entry}`),
  ];
}

/** Ten instants from the first to the last entry, of all clients. */
async function pastBalances(
  sql: Sql,
  random: Random,
  rated: readonly CreditEntry[],
): Promise<string[]> {
  const walletOf = new Map(
    grants.parse(await sql`select id, client_id as client, kind from public.credit_grants`)
      .map(({ id, client, kind }) => [id, `${client} ${kind === "promotional"}`]),
  );
  const byWallet = Map.groupBy(rated, ({ grant }) => walletOf.get(grant) ?? "");
  const found: string[] = [];
  for (let turn = 0; turn < 10; turn++) {
    const day = new Date(Date.parse("2026-02-01") + random.below(1500) * 43_200_000).toISOString();
    const rows = balances.parse(
      await sql`
      select concat_ws(' ', c.id, x.promotional) as wallet,
        coalesce(sum(x.amount_minor), 0)::text as minor
      from public.clients c
      cross join lateral (
        select 'false' as promotional, (select sum(g.amount_minor)
          from billing.granted_credit(c.id, ${day}::timestamptz) g) as amount_minor
        union all
        select 'true', (select sum(p.amount_minor)
          from billing.promotional_credit(c.id, ${day}::timestamptz) p)
      ) x
      group by c.id, x.promotional`,
    );
    for (const { wallet, minor } of rows) {
      const replayed = creditAt(byWallet.get(wallet) ?? [], parseInstant(day));
      if (BigInt(minor) !== replayed) found.push(`${wallet} at ${day}: ${minor}, not ${replayed}`);
    }
  }
  return found;
}
