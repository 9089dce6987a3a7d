import postgres, { type Sql } from "postgres";
import { seededRandom, uuidOf } from "../support/random.ts";
import { type Act, addWallets, carryOut, type Intent, nextIntent } from "./acts.ts";
import { historyOf } from "./history.ts";
import { contradictions } from "./laws.ts";
import { PastBalances } from "./past-balances.ts";

export interface Life {
  readonly seed: string;
  readonly operations: number;
  readonly clients: number;
  readonly sessions: number;
  /** One of so many operations has its session ended from outside; 0: none. */
  readonly killEvery: number;
  /** The laws are asked after so many operations, and at the end. */
  readonly checkEvery: number;
}

export interface Lived {
  readonly done: number;
  readonly refused: number;
  readonly killed: number;
  readonly acts: ReadonlyMap<Act, number>;
  readonly violations: readonly string[];
}

const START = Date.parse("2026-02-01T09:00:00Z");
const MONTH = 30 * 86_400_000;

/**
 * What the books may refuse; anything else is a violation. On a busy machine a wait for the lock of
 * a client ends (55P03), with nothing done.
 */
const REFUSALS = new Set(["PT400", "PT404", "PT409", "PT422", "55P03"]);

const LOST = /^(57P01|CONNECTION_\w+|ECONN\w+|EPIPE)$/;
/** Milliseconds until a session that was ended is given up. */
const PATIENCE = 1000;

/** Lives one database: sessions act at once until so many operations have been tried. */
export async function live(connect: () => Sql, life: Life): Promise<Lived> {
  const admin = connect();
  const random = seededRandom(life.seed);
  const [first = uuidOf("0"), ...others] = Array.from(
    { length: life.clients },
    (_, n) => uuidOf(`${life.seed} client ${n}`),
  );
  const clients: readonly [string, ...string[]] = [first, ...others];
  await addWallets(admin, clients);
  const counts = { done: 0, idle: 0, refused: 0, killed: 0 };
  const acts = new Map<Act, number>();
  const violations: string[] = [];
  const recent: string[] = [];
  const past = new PastBalances();
  let tried = 0;
  let at = START;
  const note = (intent: Intent, outcome: Outcome) => {
    if (outcome.kind === "violation") {
      violations.push(`${intent.act} of ${intent.client} at ${intent.at}: ${outcome.detail}`);
      return;
    }
    counts[outcome.kind] += 1;
    if (outcome.kind === "done") acts.set(intent.act, (acts.get(intent.act) ?? 0) + 1);
  };
  const session = async (until: number) => {
    let sql = connect();
    while (tried < until && violations.length === 0) {
      tried += 1;
      // A month has about six operations of each client.
      at += random.below(2 * MONTH / (6 * life.clients));
      const intent = nextIntent(random, clients, new Date(at), recent);
      recent.unshift(intent.reference);
      recent.splice(6);
      if (life.killEvery === 0 || random.below(life.killEvery) > 0) {
        note(intent, await attempt(sql, intent));
        continue;
      }
      note(intent, await attemptAndKill(sql, admin, intent, random.below(20)));
      sql.end({ timeout: 0 }).catch(() => {});
      sql = connect();
    }
    await sql.end({ timeout: 5 });
  };
  for (let until = life.checkEvery; tried < life.operations; until += life.checkEvery) {
    const most = Math.min(until, life.operations);
    await Promise.all(Array.from({ length: life.sessions }, () => session(most)));
    const chance = seededRandom(`${life.seed} ${until}`);
    violations.push(...await contradictions(admin, chance, past));
    if (violations.length > 0) {
      violations.push(...await historyOf(admin, violations));
      break;
    }
    await past.remember(admin, chance, at);
  }
  await admin.end({ timeout: 5 });
  return { ...counts, acts, violations };
}

interface Outcome {
  readonly kind: "done" | "idle" | "refused" | "killed" | "violation";
  readonly detail?: string;
}

async function attempt(sql: Sql, intent: Intent): Promise<Outcome> {
  try {
    const worked = await sql.begin(async (transaction) => {
      const worked = await carryOut(transaction, intent);
      await transaction`
        insert into public.credit_acts (act, client, at)
        values (${intent.act}, ${intent.client}, ${intent.at})`;
      return worked;
    });
    return { kind: worked ? "done" : "idle" };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (REFUSALS.has(code) || beganAtOnce(error)) return { kind: "refused" };
    return { kind: LOST.test(code) ? "killed" : "violation", detail: `${code} ${error}` };
  }
}

/**
 * Another transaction began in the same microsecond, by which the books know it: nobody could say
 * afterwards which of the two came first.
 */
function beganAtOnce(error: unknown): boolean {
  return error instanceof postgres.PostgresError &&
    error.constraint_name === "credit_acts_one_each";
}

/** Ends the session meanwhile. The client may never hear of it, so it is not waited for long. */
async function attemptAndKill(
  sql: Sql,
  admin: Sql,
  intent: Intent,
  after: number,
): Promise<Outcome> {
  const [own] = await sql`select pg_backend_pid() as pid`;
  const outcome = attempt(sql, intent);
  await new Promise((resolve) => setTimeout(resolve, after));
  await admin`select pg_terminate_backend(${Number(own?.["pid"])})`;
  const gone = new Promise<Outcome>((resolve) =>
    setTimeout(() => resolve({ kind: "killed" }), PATIENCE)
  );
  return await Promise.race([outcome, gone]);
}
