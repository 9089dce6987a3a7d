import { duration, type Figure, timed, whole } from "./figure.ts";
import type { Sizes } from "./sizes.ts";
import { addClients, type Sql, withDatabase } from "./world.ts";

const AS_OF = "2026-06-16 09:25+00";
/** A hosted job ends after ten minutes, a statement of the editor after one. */
const JOB_LIMIT = 600_000;
const STATEMENT_LIMIT = 60_000;

interface Round {
  readonly alerts: number;
  readonly health: number;
  readonly told: number;
}

/** `alerts_100k`: the hourly alerts of all clients, and of a quarter of them. */
export async function measureAlerts(sizes: Sizes): Promise<Figure[]> {
  const few = await withDatabase(({ sql }) => roundOf(sql, sizes.alertClients / 4));
  const all = await withDatabase(({ sql }) => roundOf(sql, sizes.alertClients));
  return [{
    key: "alerts_100k",
    what: "the hourly alerts with 4 times the clients, a tenth of them with a budget",
    floor: "with a quarter of them",
    value: all.alerts / few.alerts,
    unit: "×",
    target: { atMost: 4.5 },
    also: [
      { what: "alerts within 10 minutes", holds: all.alerts <= JOB_LIMIT },
      { what: "health within a minute", holds: all.health <= STATEMENT_LIMIT },
    ],
    detail: `${duration(all.alerts)} against ${duration(few.alerts)}, ` +
      `${whole(sizes.alertClients)} and ${whole(sizes.alertClients / 4)} clients, ` +
      `${whole(all.told)} deliveries queued; health ${duration(all.health)}`,
  }];
}

/** The second time they run in a day, which is nearly always: what is told has been told. */
async function roundOf(sql: Sql, clients: number): Promise<Round> {
  await addClients(sql, clients);
  await sql`
    insert into public.usage_records
      (client_id, usage_day, model, metric, agent, quantity, provider_cost, log_count)
    select c.id, d::date, 'gpt-4o', k, 'AGENT', 400000, 1, 100
    from public.clients c, generate_series(date '2026-06-08', date '2026-06-15', '1 day') d,
      unnest(array['input_tokens', 'output_tokens']) k`;
  await sql`
    insert into public.client_budgets (client_id, amount_minor)
    select c.id, 1000000 from (select c.id, row_number() over (order by c.name) as n
      from public.clients c) c where c.n % 10 = 0`;
  // A few budgets that are used up and a few days that cost much more than those before.
  await sql`update public.client_budgets b set amount_minor = 100
    from (select client_id from public.client_budgets order by client_id limit 20) x
    where x.client_id = b.client_id`;
  await sql`update public.usage_records r set provider_cost = 50
    from (select id from public.clients order by name limit 20) x
    where r.client_id = x.id and r.usage_day = '2026-06-15'`;
  await sql`vacuum analyze`;
  const [first] = await sql<{ told: number }[]>`
    select billing.queue_usage_alerts(${AS_OF})::int as told`;
  const alerts = await timed(() => sql`select billing.queue_usage_alerts(${AS_OF})`);
  const health = await timed(() => sql`select * from billing.read_health()`);
  return { alerts, health, told: first?.told ?? 0 };
}
