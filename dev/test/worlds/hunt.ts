/** Lives worlds of a seed one after the other, and tells what breaks. */
import fc from "fast-check";
import type { Transactions } from "../cases/rolled-back.ts";
import { type Asks, type Failure, live } from "./history.ts";
import { type Profile, type World, worldsOf } from "./moves.ts";
import { smallest } from "./smaller.ts";

export interface Found {
  readonly place: number;
  readonly failure: Failure;
}

export interface Hunt {
  readonly profile: Profile;
  readonly seed: number;
  /** The first world of the seed that is lived; 1 unless given. */
  readonly first?: number;
  /** The longest history, in moves. */
  readonly longest: number;
  /** The most clients of a world; 8 unless given. */
  readonly clients?: number;
  /** Whether to go on after the first failure; each law is then made smaller once. */
  readonly mayGoOn: (worlds: number, found: readonly Found[], clientMonths: number) => boolean;
  /** How long a failure may be made smaller. */
  readonly secondsToShrink: number;
  /** Whether a law is asked: not those of faults that are known, so that others show. */
  readonly asks: Asks;
  /** Kinds of moves that are not made, likewise. */
  readonly leaveOut?: readonly string[];
  readonly tell?: (line: string) => void;
}

export interface Result {
  readonly worlds: number;
  readonly clientMonths: number;
  readonly found: readonly Found[];
}

export async function hunt(database: Transactions, options: Hunt): Promise<Result> {
  const found: Found[] = [];
  let worlds = 0;
  let clientMonths = 0;
  while (options.mayGoOn(worlds, found, clientMonths)) {
    const place = (options.first ?? 1) + worlds;
    const world = worldAt(options, place);
    const life = await database.rolledBack((sql) => live(sql, world, options.asks));
    worlds += 1;
    clientMonths += life.clientMonths;
    options.tell?.(`to world ${place}: ${clientMonths} client-months`);
    if (life.failure === null) continue;
    const { law } = life.failure;
    const isNew = found.every(({ failure }) => failure.law !== law);
    options.tell?.(`world ${place}: ${law}: ${life.failure.details[0]}`);
    const until = performance.now() + options.secondsToShrink * 1000;
    const small = isNew && options.secondsToShrink > 0
      ? await smallest(
        world,
        life.failure,
        async (smaller, only) =>
          (await database.rolledBack((sql) => live(sql, smaller, (one) => one === only))).failure,
        () => performance.now() < until,
      )
      : { failure: life.failure };
    found.push({ place, failure: small.failure });
    if (isNew) { for (const line of describe(small.failure)) options.tell?.(line); }
  }
  return { worlds, clientMonths, found };
}

/** The n-th world of a seed, whichever came before it. */
export function worldAt(
  { profile, seed, longest, clients, leaveOut = [] }: Pick<
    Hunt,
    "profile" | "seed" | "longest" | "clients" | "leaveOut"
  >,
  place: number,
): World {
  const [world] = fc.sample(worldsOf(profile, longest, clients), {
    numRuns: 1,
    seed: seed * 100_003 + place,
  });
  if (world === undefined) throw new Error("no world");
  return { ...world, moves: world.moves.filter(({ kind }) => !leaveOut.includes(kind)) };
}

/** The law, what breaks it, and the steps of a worked case that shows it. */
export function describe({ law, details, steps }: Failure): string[] {
  return [
    law,
    ...details.slice(0, 12).map((line) => `  ${line}`),
    "steps: [",
    ...steps.map((step) => `  ${JSON.stringify(step)},`),
    "],",
  ];
}
