import { alternate, duration, type Figure, median, perSecond, timed, whole } from "./figure.ts";
import type { Sizes } from "./sizes.ts";
import { spendTimes } from "./spend.ts";
import {
  addClients,
  addLogs,
  addManyLogs,
  type BenchDatabase,
  type Sql,
  withDatabase,
} from "./world.ts";

/** Log rows per client of a month that closes: four models on some days each. */
const LOGS_PER_CLIENT = 20;
const AS_OF = "2026-07-01 09:00+00";

/** What one monthly run of an installation took, and writing its rows once more. */
interface Close {
  readonly run: number;
  readonly copy: number;
  readonly lines: number;
  readonly verify: number;
}

/** `close_month` and `growth_clients`: all clients and a quarter of them. */
export async function measureClose(sizes: Sizes): Promise<Figure[]> {
  const few = await withDatabase(({ sql }) => closeOf(sql, sizes.closeClients / 4, sizes));
  const all = await withDatabase(({ sql }) => closeOf(sql, sizes.closeClients, sizes));
  return [{
    key: "close_month",
    what: "the monthly run: rating, drafts, lines, numbers, documents, deliveries, audit",
    floor: "one insert … select of the same invoices and lines, already computed",
    value: all.run / all.copy,
    unit: "×",
    target: { atMost: 4 },
    detail: `${duration(all.run)} against ${duration(all.copy)}: ` +
      `${perSecond(sizes.closeClients, all.run).replace("/s", " invoices/s")}, ` +
      `${whole(sizes.closeClients)} clients, ${whole(all.lines)} lines; ` +
      `the nightly comparison before it ${duration(all.verify)}`,
  }, {
    key: "growth_clients",
    what: "the monthly run with 4 times the clients",
    floor: "with a quarter of them",
    value: all.run / few.run,
    unit: "×",
    target: { atMost: 4.5 },
    detail: `${duration(all.run)} against ${duration(few.run)}, ` +
      `${whole(sizes.closeClients)} and ${whole(sizes.closeClients / 4)} clients`,
  }];
}

async function closeOf(sql: Sql, clients: number, sizes: Sizes): Promise<Close> {
  await addClients(sql, clients);
  await addLogs(sql, clients * LOGS_PER_CLIENT, clients);
  const verify = await prepare(sql);
  const closes: Omit<Close, "verify">[] = [];
  for (let round = 0; round < sizes.closeRounds; round++) closes.push(await closeOnce(sql));
  return {
    run: median(closes.map(({ run }) => run)),
    copy: median(closes.map(({ copy }) => copy)),
    lines: closes[0]?.lines ?? 0,
    verify,
  };
}

/** Usage rolled up and compared, as the jobs of minutes and nights have done by then. */
async function prepare(sql: Sql): Promise<number> {
  await sql`select _billing.rollup()`;
  await sql`vacuum analyze`;
  return await timed(() => sql`select billing.reconcile_usage(${AS_OF})`);
}

/** Runs the month and copies its rows, then undoes both. */
async function closeOnce(sql: Sql): Promise<Omit<Close, "verify">> {
  await sql`begin`;
  try {
    const run = await timed(() => sql`select billing.run_monthly(${AS_OF})`);
    await sql.unsafe(`
      create table public.bench_invoices (like public.invoices including all);
      create table public.bench_lines (like public.invoice_lines including all);
      alter table public.bench_invoices alter amount_due_minor drop expression`);
    const copy = await timed(() =>
      sql.unsafe(`
        insert into public.bench_invoices select * from public.invoices;
        insert into public.bench_lines select * from public.invoice_lines`)
    );
    const [row] = await sql<{ lines: number }[]>`
      select count(*)::int as lines from public.invoice_lines`;
    return { run, copy, lines: row?.lines ?? 0 };
  } finally {
    await sql`rollback`;
    await sql`vacuum`;
  }
}

/** `growth_logs`: `four` against the same clients and usage keys with a quarter of its logs. */
export async function measureGrowthLogs(four: BenchDatabase, sizes: Sizes): Promise<Figure[]> {
  const clients = sizes.spendClients;
  const logs = sizes.history / 4;
  const verify = await prepare(four.sql);
  return await withDatabase(async (one) => {
    await addClients(one.sql, clients);
    await addManyLogs(one, logs, clients);
    await prepare(one.sql);
    const close = await alternate(
      sizes.rounds,
      async () => (await closeOnce(four.sql)).run,
      async () => (await closeOnce(one.sql)).run,
    );
    const spend = await alternate(
      sizes.rounds,
      async () => median(await spendTimes(four.sql, sizes, sizes.spendReads / 3)),
      async () => median(await spendTimes(one.sql, sizes, sizes.spendReads / 3)),
    );
    const ratios = [close.ours / close.floor, spend.ours / spend.floor];
    return [{
      key: "growth_logs",
      what: "the monthly run and live_spend with 4 times the logs, the worse of both",
      floor: "with 1 times",
      value: Math.max(...ratios),
      unit: "×" as const,
      target: { atMost: 1.15 },
      detail: `run ${duration(close.ours)} against ${duration(close.floor)}, live_spend ` +
        `${duration(spend.ours)} against ${duration(spend.floor)}; ${whole(logs * 4)} and ` +
        `${whole(logs)} logs, ${whole(clients)} clients; ` +
        `comparing all of them with their records ${duration(verify)}`,
    }];
  });
}
