import { duration, type Figure, perSecond, timed, whole } from "./figure.ts";
import type { Sizes } from "./sizes.ts";
import { addClients, addLogs, withDatabase } from "./world.ts";

const LOGS_PER_CLIENT = 20;
const AS_OF = "2026-07-01 09:00+00";
const MINUTE = 60_000;

/**
 * `close_hosted`: a month of many clients under a hosted project's limits. Statements end after two
 * minutes; the run is begun and gone on with as the jobs do, each minute that no call runs.
 */
export async function measureCloseHosted(sizes: Sizes): Promise<Figure[]> {
  const clients = sizes.hostedClients;
  return await withDatabase(async ({ sql }) => {
    await addClients(sql, clients);
    await addLogs(sql, clients * LOGS_PER_CLIENT, clients);
    await sql`select _billing.rollup()`;
    await sql`vacuum analyze`;
    console.log(`  ${whole(clients)} clients with ${LOGS_PER_CLIENT} logs each`);
    await sql`set statement_timeout = '2min'`;
    await sql`select set_config('billing.as_of', ${AS_OF}, false)`;
    const compared = await timed(() => sql`select billing.reconcile_usage(${AS_OF})`);
    console.log(`  compared in ${duration(compared)}`);
    const calls: number[] = [];
    const began = performance.now();
    for (let open = true; open;) {
      const call = await timed(
        () => sql`call billing.close_month(start_new => ${calls.length === 0})`,
      );
      console.log(`  call ${calls.push(call)} took ${duration(call)}`);
      const [row] = await sql<{ open: boolean }[]>`
        select exists (select from billing.monthly_runs where finished_at is null) as open`;
      open = row?.open ?? false;
      const passed = (performance.now() - began) % MINUTE;
      if (open) await new Promise((resolve) => setTimeout(resolve, MINUTE - passed));
    }
    const took = performance.now() - began;
    const [row] = await sql<{ invoices: number }[]>`
      select count(*)::int as invoices from public.invoices where status <> 'draft'`;
    if (row?.invoices !== clients) throw new Error(`${row?.invoices} of ${clients} are invoiced`);
    const checked = await timed(() => sql`select * from billing.check_invariants('2026-06-01')`);
    return [{
      key: "close_hosted",
      what: "a month of many clients under hosted limits, the longest statement",
      floor: "none: a hosted project ends statements after 120 s",
      value: Math.max(compared, ...calls),
      unit: "ms",
      target: { atMost: 2 * MINUTE },
      detail: `${whole(clients)} clients closed in ${duration(took)} ` +
        `(${
          perSecond(clients, took).replace("/s", " invoices/s")
        }) by ${calls.length} calls, the ` +
        `longest ${duration(Math.max(...calls))}; the comparison before it ${
          duration(compared)
        }, ` +
        `the invariants after it ${duration(checked)}`,
    }];
  });
}
