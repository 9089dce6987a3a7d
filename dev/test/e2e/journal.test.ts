import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import postgres from "postgres";
import { exportJournal, exportJournalLayout } from "../../../shared/api/journal.ts";
import { connect } from "../../../cli/connection.ts";
import { sessionsOn } from "../../../supabase/functions/_shared/api/session.ts";
import { firstPiece } from "../../../supabase/functions/billing/journal.ts";
import { platform } from "../support/platform-env.ts";

const sql = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });
const call = connect({ SUPABASE_URL: platform.apiUrl, SUPABASE_SECRET_KEY: platform.secretKey });

// Credit of a month of its own that nothing else is booked in: more transactions than a piece has.
const MANY = 2345;
const [client] = await sql<{ id: string }[]>`
  insert into public.clients (name, started_on)
  values (${`=Journal ${crypto.randomUUID()}`}, '2026-06-01') returning id`;
await sql`
  insert into public.balance_entries (client_id, currency, amount_minor, reason, created_at)
  select ${client?.id ?? ""}, 'EUR', n, 'adjustment',
    '2019-03-01 00:00+00'::timestamptz + n / 100 * interval '1 hour'
  from generate_series(1, ${MANY}) n`;
/** 1 + 2 + … + 2,345 cents. */
const TOTAL = "27506.85";

/** The sum of a column of cents, as text. */
function sumOf(lines: readonly string[], column: number, separator: string): string {
  const cents = lines.map((line) =>
    Number((line.split(separator)[column] ?? "").replace(/[.,]/, ""))
  );
  return (cents.reduce((sum, amount) => sum + amount, 0) / 100).toFixed(2);
}

Deno.test("a journal of many pieces has each entry once, in order, and balances", async () => {
  const { data } = await call(exportJournal, { query: { month: "2019-03" } });
  const [head, ...lines] = (data ?? "").trimEnd().split("\r\n");
  match(head ?? "", /^day,transaction,kind,/);
  strictEqual(lines.length, 2 * MANY);
  strictEqual(new Set(lines.map((line) => line.split(",")[1])).size, MANY);
  const days = lines.map((line) => line.slice(0, 10));
  deepStrictEqual(days, days.toSorted());
  strictEqual(sumOf(lines, 8, ","), TOTAL);
  strictEqual(sumOf(lines, 9, ","), TOTAL);
  ok(lines.every((line) => line.includes(",'=Journal ")), "no name is a formula");
});

Deno.test("a transaction that is open when a journal begins is in none of its pieces", async () => {
  const post = (by: postgres.Sql, days: readonly string[]) =>
    by`
      insert into public.balance_entries (client_id, currency, amount_minor, reason, created_at)
      select ${client?.id ?? ""}, 'EUR', 1, 'adjustment', day::timestamptz
      from unnest(${days}::text[]) day`;
  await post(sql, Array.from({ length: 1001 }, () => "2019-05-15 00:00+00"));
  const other = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });
  const reader = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });
  try {
    const open = sessionsOn(reader);
    const caller = { actor: "service", name: "test", claims: null } as const;
    // Open before the journal begins: of an earlier day, and of one that a later piece is of.
    await other`begin`;
    await post(other, ["2019-05-01 00:00+00", "2019-05-31 00:00+00"]);
    const first = await open(caller, (session) =>
      firstPiece(
        session,
        { month: "2019-05", currency: null },
        "",
        (entries) => entries.map(({ day }) => `${day}\n`).join(""),
      ));
    await other`commit`;
    await post(sql, ["2019-05-31 00:00+00"]);
    const second = first.next === null ? null : await open(caller, first.next);
    strictEqual(second?.next, null);
    const days = `${first.text}${second?.text}`.trimEnd().split("\n");
    strictEqual(days.length, 2 * 1001);
    deepStrictEqual([...new Set(days)], ["2019-05-15"]);
  } finally {
    await other.end();
    await reader.end();
  }
});

Deno.test("an account without a number is told before anything is written", async () => {
  const query = { month: "2019-03", currency: "EUR" };
  const { error } = await call(exportJournalLayout, { params: { layout: "datev" }, query });
  strictEqual(error?.code, "bookkeeping_not_set");
  match(error?.detail ?? "", /account adjustments has no row of layout datev/);
  match(error?.detail ?? "", /datev_consultant is not set/);
});

Deno.test("a DATEV file and a QuickBooks file of many pieces have each movement once", async () => {
  await sql`
    insert into public.chart_of_accounts (layout, account, code)
    select l.layout, a.account, a.code
    from unnest('{datev,quickbooks}'::text[]) l(layout)
    cross join (values ('adjustments', '2700'), ('customer_credit', '1700')) a(account, code)`;
  await sql`update public.billing_settings set datev_consultant = 29098, datev_client = 55003`;
  try {
    const query = { month: "2019-03", currency: "EUR" };
    const datev = await call(exportJournalLayout, { params: { layout: "datev" }, query });
    const [header, , ...bookings] = (datev.data ?? "").trimEnd().split("\r\n");
    match(
      header ?? "",
      /"EXTF";700;21;"Buchungsstapel";13;\d{17};;"";"";"";29098;55003;20190101;4;/,
    );
    strictEqual(bookings.length, MANY);
    strictEqual(sumOf(bookings, 0, ";"), TOTAL);
    match(bookings[0] ?? "", /^\d+,\d\d;"S";"EUR";;;;2700;1700;;0103;/);
    const quickbooks = await call(exportJournalLayout, { params: { layout: "quickbooks" }, query });
    const lines = (quickbooks.data ?? "").trimEnd().split("\r\n").slice(1);
    strictEqual(lines.length, 2 * MANY);
    strictEqual(sumOf(lines, 3, ","), TOTAL);
    // Nothing of another currency, and nothing of another month.
    const dollars = await call(exportJournalLayout, {
      params: { layout: "quickbooks" },
      query: { month: "2019-03", currency: "USD" },
    });
    strictEqual((dollars.data ?? "").trimEnd().split("\r\n").length, 1);
  } finally {
    await sql`delete from public.chart_of_accounts`;
    await sql`update public.billing_settings set datev_consultant = null, datev_client = null`;
    await sql.end();
  }
});
