import { duration, type Figure, median, percentile, timed, whole } from "./figure.ts";
import type { Sizes } from "./sizes.ts";
import { addClients, addLogs, clientId, type Sql } from "./world.ts";

/** Days over which the entries are spread: three years, until the day of the reads. */
const DAYS = 1095;
const AS_OF = Date.parse("2026-06-29T12:00:00Z");
const DAY = 86_400_000;
/** Who uses what in the month that runs. */
const CLIENTS = 20;
const LOGS = 10_000;
/** Grants that are written at once. */
const BATCH = 250;

/** `balance_read`: what one client has, now and at past instants, of many entries. */
export async function measureBalanceRead(sql: Sql, sizes: Sizes): Promise<Figure[]> {
  await addClients(sql, CLIENTS);
  const id = await clientId(sql, 7);
  await addLogs(sql, LOGS, CLIENTS);
  await sql`select _billing.rollup()`;
  await fill(sql, id, sizes.balanceEntries);
  const reads = Array.from({ length: sizes.balanceReads }, (_, read) => instant(read));
  const ours = await times(reads, (at) => sql.unsafe(BALANCE, [id, at], { prepare: true }));
  const floor = await times(
    reads.slice(0, 20),
    (at) => sql.unsafe(FROM_ENTRIES, [id, at], { prepare: true }),
  );
  const live = await times(
    reads,
    () => sql`select * from billing.credit_balance(${id}::uuid, ${new Date(AS_OF)})`,
  );
  const p99 = percentile(ours, 0.99);
  const liveP99 = percentile(live, 0.99);
  return [{
    key: "balance_read",
    what: "p99 of what one client has, grants and balance, now and at past instants",
    floor: "the sum of all its entries until then, median",
    value: p99,
    unit: "ms",
    target: { atMost: 2 },
    also: [{ what: "less the period that runs: p99 ≤ 2 ms", holds: liveP99 <= 2 }],
    detail:
      `median ${duration(median(ours))} against ${duration(median(floor))}; less the period ` +
      `that runs: p99 ${duration(liveP99)}; ${whole(sizes.balanceEntries)} entries`,
  }];
}

/** Half of the reads are of now, half of instants of the past that are spread over all days. */
function instant(read: number): string {
  const back = read % 2 === 0 ? 0 : read * 7919 % DAYS * DAY + read * 104_729 % DAY;
  return new Date(AS_OF - back).toISOString();
}

async function times(
  reads: readonly string[],
  read: (at: string) => Promise<unknown>,
): Promise<number[]> {
  const taken: number[] = [];
  for (const at of [...reads.slice(0, 5), ...reads]) taken.push(await timed(() => read(at)));
  return taken.slice(Math.min(5, reads.length));
}

/** As many entries as asked for: half of the balance, half of grants that expire or move on. */
async function fill(sql: Sql, id: string, entries: number): Promise<void> {
  const grants = Math.max(1, Math.floor(entries / 8));
  const now = new Date(AS_OF).toISOString();
  for (let start = 0; start < grants; start += BATCH) {
    const end = Math.min(grants, start + BATCH);
    await sql.unsafe(BALANCE_ENTRIES, [id, now, grants * 4, start * 4 + 1, end * 4]);
    await sql.unsafe(GRANTS, [id, now, grants, start + 1, end]);
  }
  await sql`analyze`;
}

const BALANCE_ENTRIES = `
  insert into public.balance_entries (client_id, currency, amount_minor, reason, created_at)
  select $1::text::uuid, 'USD', 1 + n % 7, 'adjustment', $2::text::timestamptz
    - n * (interval '${DAYS} days' / $3::integer)
  from generate_series($4::integer, $5::integer) n`;

const GRANTS = `
  with made as (
    insert into public.credit_grants (client_id, kind, currency, amount_minor, cost_minor,
      granted_at, effective_at, expires_at)
    select $1::text::uuid, 'refund', 'USD', 1000, 0, x.at, x.at, x.at + interval '60 days'
    from generate_series($4::integer, $5::integer) n
    cross join lateral (select $2::text::timestamptz
      - n * (interval '${DAYS} days' / $3::integer) as at) x
    returning id, effective_at
  )
  insert into public.credit_entries (grant_id, client_id, currency, kind, amount_minor,
    effective_at)
  select g.id, $1::text::uuid, 'USD', x.kind, x.amount, g.effective_at + x.later
  from made g
  cross join (values ('grant', 1000, interval '0'), ('expiry', -1000, '60 days'),
    ('rollover', -400, '9 days'), ('release', 400, '60 days')) x(kind, amount, later)`;

const BALANCE = `
  select currency, amount_minor from billing.granted_credit($1::text::uuid, $2::text::timestamptz)
  union all
  select currency, -amount_minor
  from billing.ledger_balances($1::text::uuid, $2::text::timestamptz)
  where kind = 'customer_credit'`;

const FROM_ENTRIES = `
  select e.currency, sum(e.amount_minor) from public.credit_entries e
  where e.client_id = $1::text::uuid and e.effective_at <= $2::text::timestamptz
  group by e.currency
  union all
  select a.currency, -sum(e.amount_minor)
  from billing.ledger_accounts a join billing.ledger_entries e on e.account_id = a.id
  where a.client_id = $1::text::uuid and a.kind = 'customer_credit'
    and e.effective_at <= $2::text::timestamptz
  group by a.currency`;
