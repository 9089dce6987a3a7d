import fc from "fast-check";
import type { EngineName } from "../platform/postgres-engine.ts";
import { FUNCTIONS } from "../test/access/matrix.ts";
import type { Attack } from "./attack.ts";
import { bodies } from "./attacks/bodies.ts";
import { contract } from "./attacks/contract.ts";
import { dataApi } from "./attacks/data-api.ts";
import { headers } from "./attacks/headers.ts";
import { links } from "./attacks/links.ts";
import { methods } from "./attacks/methods.ts";
import { storage } from "./attacks/storage.ts";
import { tokens } from "./attacks/tokens.ts";
import { usage } from "./attacks/usage.ts";
import { webhooks } from "./attacks/webhooks.ts";
import { sendHalves } from "./half-sent.ts";
import { type Honest, workHonestly } from "./honest.ts";
import { judge, type Wrong, type WrongKind } from "./judge.ts";
import { checkBooks, checkVictim, fingerprint } from "./victim.ts";
import { type AttackWorld, startAttackWorld } from "./world.ts";

export interface AttackOptions {
  readonly engine: EngineName;
  readonly requests: number;
  readonly seed: number;
  readonly tell: (line: string) => void;
}

export interface AttackResult {
  /** How many were asked for. */
  readonly requests: number;
  readonly seconds: number;
  readonly statuses: ReadonlyMap<number, number>;
  readonly concerns: ReadonlyMap<string, number>;
  /** Connections that sent half a body. */
  readonly halves: number;
  readonly honest: Honest;
  /** Requests whose body the server would not read to its end: it hung up. */
  readonly hungUp: number;
  /** How many answers were wrong, by kind; `victim` counts what the victim lost or got, and broken
   * invariants. */
  readonly wrong: ReadonlyMap<WrongKind | "victim", number>;
  /** What was wrong, each with the first request that showed it. */
  readonly violations: ReadonlyMap<string, string>;
}

/** Requests under way at once, and connections that never send their body whole. */
const AT_ONCE = 10;
const HALF_SENT = 12;
/** Requests that are made up at a time: making them holds up everybody in this process. */
const CHUNK = 10;
/** Requests from one line of progress to the next. */
const TOLD_EACH = 20_000;

/** Sends so many hostile requests while the honest work, and says what went wrong. */
export async function attack(options: AttackOptions): Promise<AttackResult> {
  const world = await startAttackWorld(options.engine);
  try {
    await warmUp(world);
    const before = await fingerprint(world);
    const started = performance.now();
    const progress = new Progress();
    let over = false;
    const isOver = () => over;
    const hostile = sendAll(world, options, progress).finally(() => {
      over = true;
    });
    const [honest, halves] = await Promise.all([
      workHonestly(world, isOver),
      sendHalves(world.api, world.callers.keyed, HALF_SENT, isOver),
      hostile,
    ]);
    const seconds = (performance.now() - started) / 1000;
    const found = [
      ...await checkVictim(world, before, honest.stored),
      ...await checkBooks(world),
    ];
    for (const [what, detail] of found) {
      progress.violations.set(what, detail);
      increase(progress.wrong, "victim");
    }
    if (progress.violations.size > 0) options.tell(world.functionLog().slice(-20).join("\n"));
    return { requests: options.requests, seconds, halves, honest, ...progress };
  } finally {
    await world.stop();
  }
}

/** Starts each function, so that what is measured is not the start. */
async function warmUp({ api }: AttackWorld): Promise<void> {
  for (const name of ["billing", "ingest-usage", ...Object.keys(FUNCTIONS)]) {
    await (await fetch(`${api}/functions/v1/${name}`, { method: "POST" })).body?.cancel();
  }
}

class Progress {
  readonly statuses = new Map<number, number>();
  readonly concerns = new Map<string, number>();
  readonly wrong = new Map<WrongKind | "victim", number>();
  readonly violations = new Map<string, string>();
  hungUp = 0;
}

function increase<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

async function sendAll(
  world: AttackWorld,
  { requests, seed, tell }: AttackOptions,
  progress: Progress,
): Promise<void> {
  const queue = madeUp(world, requests, seed);
  let sent = 0;
  let since = performance.now();
  const tellProgress = () => {
    const now = performance.now();
    const rate = Math.round(TOLD_EACH / (now - since) * 1000);
    since = now;
    tell(`${sent.toLocaleString("en-US")} requests, now ${rate} a second`);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const one of queue) {
      await send(world, one, progress);
      if (++sent % TOLD_EACH === 0) tellProgress();
    }
  }));
}

/** The same requests for the same seed, in the same order; workers share them. */
function* madeUp(world: AttackWorld, requests: number, seed: number): Generator<Attack> {
  const { knowledge } = world;
  const all = fc.oneof(
    { weight: 10, arbitrary: contract(knowledge) },
    { weight: 5, arbitrary: dataApi(knowledge) },
    { weight: 4, arbitrary: tokens(knowledge) },
    { weight: 3, arbitrary: usage(knowledge) },
    { weight: 3, arbitrary: headers(knowledge) },
    { weight: 3, arbitrary: methods(knowledge) },
    { weight: 1, arbitrary: webhooks(knowledge) },
    { weight: 1, arbitrary: bodies(knowledge) },
    { weight: 2, arbitrary: storage(knowledge) },
    { weight: 1, arbitrary: links(knowledge) },
  );
  for (let made = 0; made < requests; made += CHUNK) {
    yield* fc.sample(all, { numRuns: Math.min(CHUNK, requests - made), seed: seed + made });
  }
}

async function send(world: AttackWorld, one: Attack, progress: Progress): Promise<void> {
  const { statuses, concerns, violations } = progress;
  const note = ({ kind, what }: Wrong) => {
    increase(progress.wrong, kind);
    const key = `${one.concern}, ${one.caller}: ${what.slice(0, 60)}`;
    if (violations.size < 100 && !violations.has(key)) {
      violations.set(key, `${what}\n    ${describe(one)}`);
    }
  };
  increase(concerns, one.concern);
  try {
    const response = await fetch(`${world.api}${one.path}`, {
      method: one.method,
      headers: { ...world.callers[one.caller], ...one.headers },
      body: one.body,
      redirect: "manual",
      signal: AbortSignal.timeout(60_000),
    });
    const answer = {
      status: response.status,
      headers: response.headers,
      text: await response.text(),
    };
    increase(statuses, answer.status);
    const wrong = judge(one, answer, world.secrets);
    if (wrong !== null) note(wrong);
  } catch (error) {
    // A server that hangs up on a body it will not read is within its rights.
    if (one.concern === "bodies" && !isTimeout(error)) progress.hungUp++;
    else note({ kind: "failure", what: `no answer: ${String(error)}` });
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}

function describe({ method, path, headers, body }: Attack): string {
  const shown = typeof body === "string" ? body : `${body?.length ?? 0} bytes`;
  return `${method} ${path.slice(0, 300)} ${JSON.stringify(headers).slice(0, 300)} ${
    shown.slice(0, 400)
  }`;
}
