import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import type { Sql } from "postgres";
import { AFTER, differences } from "./plane.ts";

/** Windows that are pushed again change nothing, and all of them are equal. */
export async function assertPushedOnce(plane: Sql, billing: Sql): Promise<void> {
  strictEqual(await differences(plane), "0");
  deepStrictEqual([...await plane`select * from log_plane.problems`], []);
  const rows = () => billing`select count(*), sum(calls) from public.agent_usage_logs`;
  const before = await rows();
  // A coordinator that has forgotten what it has pushed.
  await plane`update log_plane.windows set pushed_version = 0, log_id = null`;
  await plane`call log_plane.push(0, 1000)`;
  deepStrictEqual([...await rows()], [...before]);
  strictEqual(await differences(plane), "0");
}

/** A window that is refused and one that fails, before all others: their problem is noted. */
export async function assertFaultsStopNoOther(plane: Sql, billing: Sql): Promise<void> {
  await billing.unsafe(`
    create function public.fail() returns trigger language plpgsql as
      $$begin raise exception 'this row fails'; end$$;
    create trigger fail after insert on public.agent_usage_logs
      for each row when (new.input_tokens = 424242) execute function public.fail()`);
  const first = plane`(select w.window_start, w.key from log_plane.windows w
    order by w.window_start, w.key limit 2)`;
  await plane`create table log_plane.sums_before as
    select w.window_start, w.key, w.sums from log_plane.windows w
    where (w.window_start, w.key) in ${first}`;
  const state = (tokens: string) =>
    plane`update log_plane.windows w set version = w.version + 1, sums = w.sums
      || jsonb_build_object('input_tokens', ${plane.unsafe(tokens)})
    from log_plane.sums_before b where (w.window_start, w.key) = (b.window_start, b.key)`;
  await state(
    "case when b.key = (select min(x.key::text)::uuid from log_plane.sums_before x) " +
      "then -5 else 424242 end",
  );
  await plane`update log_plane.windows w set version = w.version + 1
    where (w.window_start, w.key) not in ${first} and (w.window_start, w.key) in (
      select o.window_start, o.key from log_plane.windows o
      order by o.window_start, o.key limit 300)`;
  await plane`call log_plane.push(0, 10)`;
  const problems = await plane<{ problem: string }[]>`
    select left(p.problem, 8) as problem from log_plane.problems p order by 1`;
  deepStrictEqual(problems.map(({ problem }) => problem), ["failed: ", "invalid:"]);
  deepStrictEqual([
    ...await plane`
    select 1 from log_plane.windows w where w.pushed_version < w.version`,
  ], []);
  await rejects(
    async () => await plane`call log_plane.forget('2025-05-02 00:00+00')`,
    /have a problem/,
  );
  await state("(b.sums ->> 'input_tokens')::bigint");
  await plane`call log_plane.push(0, 1000)`;
  deepStrictEqual([...await plane`select * from log_plane.problems`], []);
  strictEqual(await differences(plane), "0");
  await billing`drop function public.fail() cascade`;
}

/** Calls go only once the billing plane has them, all of them. */
export async function assertForgetsWhatIsEqual(plane: Sql): Promise<void> {
  const forget = async (before: string) => await plane`call log_plane.forget(${before})`;
  const pushed = (by: number) =>
    plane`update log_plane.windows w set pushed_version = w.pushed_version + ${by}
      where (w.window_start, w.key) in (select b.window_start, b.key from log_plane.sums_before b)`;
  await pushed(-1);
  await rejects(() => forget("2025-05-02 00:00+00"), /still to be summed or pushed/);
  await pushed(1);
  // A call that is there already leaves a mark; nothing has changed.
  const [call] = await plane<{ given: string }[]>`
    select jsonb_build_array(jsonb_build_object('id', c.id, 'timestamp', c.occurred_at,
      'agent', c.agent, 'model', c.model))::text as given
    from (select * from log_plane.calls order by occurred_at limit 1) c`;
  await plane`select log_plane.store_calls(${call?.given ?? null}::text::jsonb)`;
  await rejects(() => forget("2025-05-02 00:00+00"), /still to be summed or pushed/);
  await plane`call log_plane.roll_up(0, ${AFTER})`;
  // Equal from the 18th on: of the 4th nothing is known.
  await plane`update log_plane.settings set compared_until = '2025-05-02 00:00+00'`;
  strictEqual(await differences(plane, "2025-05-18 00:00+00"), "0");
  await rejects(() => forget("2025-05-05 00:00+00"), /have not been compared/);
  await forget("2025-05-02 00:00+00");
  const [left] = await plane<{ first: Date }[]>`
    select min(c.window_start) as first from log_plane.calls c`;
  strictEqual(left?.first.toISOString().slice(0, 10), "2025-05-04");
}

/**
 * Bills the month and fails unless usage, lines, totals and documents of all ways are the same, and
 * records are what the log says.
 */
export async function assertBilledAlike(billing: Sql, ways: readonly string[]): Promise<void> {
  await billing`select billing.run_monthly('2025-06-02 00:00+00')`;
  await billing`select billing.run_monthly('2025-06-09 00:00+00')`;
  deepStrictEqual([...await billing`select * from billing.usage_discrepancies()`], []);
  deepStrictEqual(
    [
      ...await billing`select c.external_id, p.period_start::text, p.state, p.reason
      from public.billing_periods p join public.clients c on c.id = p.client_id
      where p.state not in ('invoiced', 'skipped')`,
    ],
    [],
  );
  const usage = (way: string) =>
    billing`select r.usage_day, r.model, r.metric, r.rate_class, r.quantity, r.provider_cost
      from public.usage_records r join public.clients c on c.id = r.client_id
      where c.external_id = ${way} order by 1, 2, 3, 4`;
  const lines = (way: string) =>
    billing`select l.position, l.description, l.quantity, l.unit_amount, l.amount_minor,
        i.total_minor, i.status
      from public.invoices i join public.clients c on c.id = i.client_id
      join public.invoice_lines l on l.invoice_id = i.id
      where c.external_id = ${way} order by l.position`;
  const [first = "", ...others] = ways;
  const expected = [...await lines(first)];
  ok(expected.length > 10, "the month is billed");
  const document = await documentOf(billing, first);
  for (const way of others) {
    deepStrictEqual([...await usage(way)], [...await usage(first)], `usage of ${way}`);
    deepStrictEqual([...await lines(way)], expected, `lines of ${way}`);
    strictEqual(await documentOf(billing, way), document, `document of ${way}`);
  }
}

/** The frozen document, without what names its client and its number. */
async function documentOf(billing: Sql, way: string): Promise<string> {
  const rows = await billing<{ document: string; number: string; id: string; client: string }[]>`
    select i.document::text as document, i.number, i.id, i.client_id as client
    from public.invoices i join public.clients c on c.id = i.client_id
    where c.external_id = ${way} and i.status <> 'draft'`;
  const [invoice] = rows;
  ok(invoice !== undefined && rows.length === 1, `${way} has one issued invoice`);
  ok(invoice.document.length > 2000 && invoice.document.includes(invoice.number));
  return invoice.document.replaceAll(invoice.number, "NUMBER").replaceAll(invoice.id, "INVOICE")
    .replaceAll(invoice.client, "CLIENT").replaceAll(`${way} agent`, "AGENT")
    .replaceAll(`"${way}"`, '"WAY"');
}

/** Calls that cannot be billed wait in quarantine for the same reasons, raw or of the plane. */
export async function assertQuarantinedAlike(billing: Sql): Promise<void> {
  const reasons = (way: string) =>
    billing`select q.reason, count(*)::integer as logs from billing.quarantined_logs q
      join public.agent_usage_logs l on l.id = q.log_id
      where q.agent = ${`${way} agent`} and l.corrects_id is null
        and not exists (select from public.agent_usage_logs m where m.corrects_id = l.id)
      group by 1 order by 1`;
  const raw = [...await reasons("raw")];
  ok(raw.length >= 2, "some calls cannot be billed");
  deepStrictEqual([...await reasons("plane")], raw);
}
