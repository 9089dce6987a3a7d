import type { EngineName } from "../platform/postgres-engine.ts";
import { replayHour } from "./day.ts";
import { flood } from "./flood.ts";
import { growthOf, sampleMemory } from "./memory.ts";
import { requestsTo } from "./requests.ts";
import { Tally } from "./tally.ts";
import { type LoadWorld, withLoadWorld } from "./world.ts";

export interface LoadOptions {
  readonly engine: EngineName;
  readonly clients: number;
  /** The part of a busy hour that is replayed, and in how many seconds. */
  readonly share: number;
  readonly seconds: number;
  /** Seconds of more than can be done, and how many ask at once. */
  readonly floodSeconds: number;
  readonly floodAtOnce: number;
}

/** A function may hold so much more at the end than early on, megabytes: V8 takes what it may. */
const MOST_GROWTH = 48;
/** What a hosted function may hold, megabytes. */
const MOST_MEMORY = 256;
/** Milliseconds after which a system that is left in peace must answer as before. */
const RECOVERED_WITHIN = 10_000;

/** Replays a busy hour, then floods; returns what was not as it must be. */
export function runLoad(
  options: LoadOptions,
  tell: (line: string) => void,
): Promise<string[]> {
  return withLoadWorld(options, async (world) => {
    await warmUp(world);
    const before = await stored(world);
    const sampler = sampleMemory(500);
    const day = await replayHour(world, options);
    tell(`The hour, ${options.share} of it, in ${options.seconds} s`);
    day.tally.lines().forEach(tell);
    const problems = [
      ...memoryProblems(await sampler.stop(), MOST_GROWTH, tell),
      ...refusals(day.tally),
      ...await lossProblems(world, before + day.accepted),
      ...await undelivered(world),
    ];
    const flooded = await flood(world, {
      seconds: options.floodSeconds,
      atOnce: options.floodAtOnce,
    });
    tell(`The flood, ${options.floodAtOnce} at once for ${options.floodSeconds} s`);
    flooded.tally.lines().forEach(tell);
    return [
      ...problems,
      ...floodProblems(flooded),
      ...await recovery(world, tell),
      ...await lossProblems(world, before + day.accepted + flooded.accepted + BATCH),
    ];
  });
}

/** Functions are started when they are first asked: the hour finds them running. */
async function warmUp(world: LoadWorld): Promise<void> {
  const { ingest, read, webhook, work, log } = requestsTo(world);
  for (const one of [() => ingest(1), read, webhook, work, log]) await (await one()).body?.cancel();
}

function refusals(tally: Tally): string[] {
  const count = tally.count((status) => status >= 400);
  return count === 0 ? [] : [`${count} requests of the hour were refused`];
}

function memoryProblems(
  samples: ReadonlyMap<string, readonly number[]>,
  mostGrowth: number,
  tell: (line: string) => void,
): string[] {
  return [...samples].flatMap(([name, megabytes]) => {
    const { by, most } = growthOf(megabytes);
    tell(`${name.padEnd(16)} ${String(most).padStart(4)} MB at most, grew by ${by} MB`);
    return [
      ...by > mostGrowth ? [`${name} grew by ${by} MB`] : [],
      ...most > MOST_MEMORY ? [`${name} held ${most} MB`] : [],
    ];
  });
}

function floodProblems({ tally, accepted, withoutRetryAfter }: Awaited<ReturnType<typeof flood>>) {
  const odd = tally.count((status) => status >= 300 && status !== 429 && status !== 503);
  const refused = tally.count((status) => status === 429 || status === 503);
  return [
    ...odd > 0 ? [`${odd} answers of the flood were neither taken nor 429 or 503`] : [],
    ...refused === 0 ? ["the flood was no flood: nothing was refused"] : [],
    ...accepted === 0 ? ["nothing of the flood was taken"] : [],
    ...withoutRetryAfter > 0 ? [`${withoutRetryAfter} refusals without Retry-After`] : [],
  ];
}

const BATCH = 50;

/** One batch and one read, tried until both are taken; nothing else is done for the system. */
async function recovery(world: LoadWorld, tell: (line: string) => void): Promise<string[]> {
  const requests = requestsTo(world);
  const tally = new Tally();
  const started = performance.now();
  for (const one of [() => requests.ingest(BATCH), requests.read]) {
    while ((await tally.time("after", one)).status >= 300) {
      if (performance.now() - started > RECOVERED_WITHIN) return ["it did not recover"];
    }
  }
  tell(`Recovered after ${Math.round(performance.now() - started)} ms`);
  return [];
}

async function stored({ sql }: LoadWorld): Promise<number> {
  const [row] = await sql<{ rows: number }[]>`
    select count(*)::int as rows from public.agent_usage_logs`;
  return row?.rows ?? 0;
}

/** Every accepted call is stored once and counted once; a refused one is not there. */
async function lossProblems(world: LoadWorld, accepted: number): Promise<string[]> {
  await world.sql`select _billing.rollup()`;
  const [row] = await world.sql<{ counted: number; violations: number }[]>`
    select (select sum(log_count)::int from public.usage_records where metric = 'requests')
      as counted, (select count(*)::int from billing.check_invariants('2026-06-01')) as violations`;
  const rows = await stored(world);
  return [
    ...rows === accepted ? [] : [`${accepted} calls were accepted, ${rows} are stored`],
    ...row?.counted === accepted ? [] : [`${accepted} were accepted, ${row?.counted} are counted`],
    ...row?.violations === 0 ? [] : [`${row?.violations} invariants are violated`],
  ];
}

/** What is left when the worker has been let finish: nothing. */
async function undelivered(world: LoadWorld): Promise<string[]> {
  const requests = requestsTo(world);
  for (let more = true; more;) more = (await (await requests.work()).json()).more === true;
  const rows = await world.sql<{ told: string }[]>`
    select format('%s %s: %s', kind, state, last_error) as told from public.deliveries
    where state not in ('done', 'skipped')`;
  return rows.map(({ told }) => told);
}
