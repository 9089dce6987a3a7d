import { deepStrictEqual, ok } from "node:assert/strict";
import postgres, { type Sql } from "postgres";
import { startGuard } from "../../platform/guard.ts";
import { applyMigrations } from "../../platform/migrations.ts";
import { startPostgres } from "../../platform/postgres.ts";
import { smallTorture } from "../../torture/small.ts";
import { platform } from "../support/platform-env.ts";

/** A mistake as somebody could make it: one function says something else, one constraint is gone. */
interface Fault {
  readonly name: string;
  /** The check that must find it. */
  readonly check: string;
  readonly routine: string;
  readonly says: string;
  readonly instead: string;
  readonly drop?: string;
}

const FAULTS: readonly Fault[] = [
  {
    name: "lost watermark update",
    check: "healed",
    routine: "_billing.rollup_step",
    says: "if counted > 0 then",
    instead: "if counted % 3 = 0 then",
  },
  {
    name: "rounding off by one",
    check: "charges",
    routine: "_billing.rate_usage",
    says: "_billing.to_minor(p.amount, p.exponent)",
    instead: "ceil(p.amount * _billing.to_minor(1, p.exponent))",
  },
  {
    name: "double number",
    check: "numbers",
    routine: "_billing.take_numbers",
    says: "n.last_number + how_many",
    instead: "n.last_number + how_many - 1",
    drop: "alter table public.invoices drop constraint invoices_number_key",
  },
  {
    name: "unlocked claim",
    check: "claims",
    routine: "_billing.claim_deliveries",
    says: "for update skip locked",
    instead: "",
  },
  {
    name: "missing dedupe",
    check: "logs",
    routine: "billing.ingest_usage",
    says: "on conflict on constraint agent_usage_logs_pkey do nothing",
    instead: "",
    drop: "alter table public.agent_usage_logs drop constraint agent_usage_logs_pkey",
  },
];

const SEED = 8;
const ACTS = 30;

// The faults are in SQL and so are the checks' subjects: one engine tells as much as two.
if (platform.engine === "embedded") {
  Deno.test("torture finds nothing in sound books, and each of five planted faults", () =>
    withCopies(async (copy) => {
      deepStrictEqual(await copy("sound", (sql) => smallTorture(sql, SEED, ACTS)), []);
      for (const fault of FAULTS) {
        const found = await copy(fault.name, async (sql) => {
          await plant(sql, fault);
          return await smallTorture(sql, SEED, ACTS);
        });
        const checks = new Set(found.map(({ check }) => check));
        ok(checks.has(fault.check), `${fault.name}: found by ${[...checks].join(", ") || "none"}`);
      }
    }));
}

/** Replaces what the routine says; it must say it. */
async function plant(sql: Sql, { routine, says, instead, drop }: Fault): Promise<void> {
  const [row] = await sql<{ source: string }[]>`
    select pg_get_functiondef(${routine}::regproc) as source`;
  const mutated = row?.source.replace(says, instead);
  ok(mutated !== undefined && mutated !== row?.source, `${routine} does not say ${says}`);
  await sql.unsafe(mutated);
  if (drop !== undefined) await sql.unsafe(drop);
}

type Copy = <T>(name: string, use: (sql: Sql) => Promise<T>) => Promise<T>;

/** A server of its own, migrated once; each copy of it is used once. */
async function withCopies(use: (copy: Copy) => Promise<void>): Promise<void> {
  const guard = startGuard();
  try {
    const server = await startPostgres({
      engine: platform.engine,
      port: 0,
      durable: false,
      guard,
    });
    try {
      await applyMigrations(server.databaseUrl);
      await use(async (name, test) => {
        const admin = postgres(new URL("/template1", server.adminUrl).href, { max: 1 });
        const database = name.replaceAll(" ", "_");
        await admin`create database ${admin(database)} template postgres owner postgres`;
        await admin.end();
        const url = new URL(`/${database}`, server.databaseUrl).href;
        const sql = postgres(url, { max: 4, onnotice: () => {} });
        return await test(sql).finally(() => sql.end({ timeout: 1 }));
      });
    } finally {
      await server.stop();
    }
  } finally {
    await guard.stop();
  }
}
