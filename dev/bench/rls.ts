import { duration, type Figure, median, timed, whole } from "./figure.ts";
import type { Sizes } from "./sizes.ts";
import { clientId, type Sql } from "./world.ts";

const INVOICES = `select id, number, status, currency, total_minor, issued_on, due_on
  from public.invoices`;
const USAGE = `select usage_day, model, metric, agent, quantity from public.usage_records`;

/** `rls`: a member's lists of invoices and usage against the owner's with the filter written out. */
export async function measureRls(sql: Sql, sizes: Sizes): Promise<Figure[]> {
  await sql`select billing.run_monthly('2026-07-01 09:00+00')`;
  await sql`analyze`;
  const id = await clientId(sql, 7);
  const user = crypto.randomUUID();
  await sql`insert into auth.users (id, email) values (${user}, ${`${user}@example.com`})`;
  await sql`insert into public.client_members (client_id, user_id) values (${id}, ${user})`;
  const claims = JSON.stringify({ sub: user, role: "authenticated" });
  const ours: number[] = [];
  const floor: number[] = [];
  for (let read = -5; read < sizes.rlsReads; read++) {
    const through = await asMember(sql, claims);
    const written = await asOwner(sql, id);
    if (read >= 0) {
      ours.push(through);
      floor.push(written);
    }
  }
  return [{
    key: "rls",
    what: "a member's list of invoices and usage of a month, through RLS",
    floor: "the same as owner with the filter written out",
    value: median(ours) / median(floor),
    unit: "×",
    target: { atMost: 1.25 },
    detail: `${duration(median(ours))} against ${duration(median(floor))}, ` +
      `${whole(sizes.spendClients)} clients`,
  }];
}

async function asMember(sql: Sql, claims: string): Promise<number> {
  await sql`begin`;
  await sql`select set_config('request.jwt.claims', ${claims}, true)`;
  await sql`set local role authenticated`;
  const took = await timed(async () => {
    await sql.unsafe(`${INVOICES} order by created_at desc limit 50`);
    await sql.unsafe(`${USAGE} where usage_day >= '2026-06-01' and usage_day < '2026-07-01'`);
  });
  await sql`rollback`;
  return took;
}

async function asOwner(sql: Sql, id: string): Promise<number> {
  await sql`begin`;
  const took = await timed(async () => {
    // Written out, not a parameter: that would be one more round trip than the member's query.
    await sql.unsafe(
      `${INVOICES} where client_id = '${id}' and status <> 'draft'
        order by created_at desc limit 50`,
    );
    await sql.unsafe(
      `${USAGE} where client_id = '${id}'
        and usage_day >= '2026-06-01' and usage_day < '2026-07-01'`,
    );
  });
  await sql`rollback`;
  return took;
}
