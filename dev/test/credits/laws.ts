import { isDeepStrictEqual } from "node:util";
import type { Sql } from "postgres";
import { z } from "zod";
import type { CreditEntry } from "../../rater/credit-events.ts";
import { rateCredits } from "../../rater/read-credits.ts";
import type { Random } from "../support/random.ts";
import type { PastBalances } from "./past-balances.ts";

const places = z.array(z.object({ began: z.string(), place: z.coerce.number() }));
const lines = z.array(z.object({ line: z.string() }));

/**
 * What must be true after any operations: the invariants; the entries of grants are those of the
 * independent rater; balances at random instants are what the rater's entries come to, and those of
 * the past are what they were.
 */
export async function contradictions(
  sql: Sql,
  random: Random,
  past: PastBalances,
): Promise<string[]> {
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
  return [...found, ...await past.wrongs(sql, random, rated)].slice(0, 20);
}

function differences(booked: readonly CreditEntry[], rated: readonly CreditEntry[]): string[] {
  const text = ({ grant, kind, amount, tax, at, line }: CreditEntry) =>
    `grant ${grant} ${kind} ${amount} with tax ${tax} at ${at} line ${line}`;
  const [inBooks, byRater] = [new Set(booked.map(text)), new Set(rated.map(text))];
  return [
    ...[...inBooks].filter((entry) => !byRater.has(entry)).map((entry) => `booked: ${entry}`),
    ...[...byRater].filter((entry) => !inBooks.has(entry)).map((entry) => `by rater: ${entry}`),
  ];
}
