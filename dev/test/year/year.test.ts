import assert from "node:assert/strict";
import type { Sql } from "postgres";
import { z } from "zod";
import { rateMonth } from "../../../shared/rater/rate-month.ts";
import { readWorld } from "../../rater/read-world.ts";
import { describeBooks, findContradictions } from "../cases/books.ts";
import { type Clients, openBooks, playStep } from "../cases/play.ts";
import { transactions } from "../cases/rolled-back.ts";
import { searches } from "../cases/world.ts";
import { bySection, type Charges, netCharges, ratedCharges } from "../properties/facts.ts";
import { newYear, routine, special } from "./months.ts";

Deno.test("a year lived month by month: at the end the books close", async () => {
  await using database = transactions();
  await database.rolledBack(async (sql) => {
    const clients = await liveTheYear(sql);
    assert.deepEqual(await findContradictions(sql), []);
    assert.deepEqual([...await sql`select * from billing.check_invariants('2026-01-01')`], []);
    const charged = bySection(await netCharges(sql, steady(clients), "2027-01-01"));
    assert.deepEqual(charged, await ratedAnew(sql));
    assert.deepEqual(await ledgerGaps(sql), []);
    assert.deepEqual(await openQuestions(sql), ["outside_service C"], "C began on 20 January");

    const books = await describeBooks(sql, clients);
    await sql`select billing.run_monthly('2027-02-03')`;
    assert.deepEqual(await describeBooks(sql, clients), books, "another run changes nothing");
    assert.ok(books.some((line) => line.includes(" void ")), "the year has a voided invoice");
    assert.ok(books.some((line) => line.includes("-CN1")), "the year has credit notes");
    assert.ok(books.some((line) => line.includes(": late ")), "the year has a late invoice");
  });
});

/** The independent rater knows one anchor day per client; E has had two. */
function steady(clients: Clients): string[] {
  return [...clients].filter(([key]) => key !== "E").map(([, id]) => id);
}

async function ratedAnew(sql: Sql): Promise<Charges> {
  const rating = rateMonth(await readWorld(sql), { asOf: "2027-02-03 00:00:00+00" });
  const periods = rating.periods.filter(({ client }) => client.name !== "E");
  return bySection(ratedCharges({ ...rating, periods }, "2027-01-01"));
}

/** Every month: usage, what is special, the run on the 3rd, payments; in May and August a void. */
async function liveTheYear(sql: Sql): Promise<Clients> {
  const clients: Clients = new Map();
  await openBooks(sql);
  for (const step of newYear) await playStep(sql, clients, step);
  for (let month = 1; month <= 12; month++) {
    for (const step of [...routine(month), ...(special[month] ?? [])]) {
      await playStep(sql, clients, step);
    }
    const at = `${month < 12 ? 2026 : 2027}-${`${month % 12 + 1}`.padStart(2, "0")}-03`;
    await sql`select billing.run_monthly(${at})`;
    if (month === 5 || month === 8) await voidAndBillAgain(sql, at);
    await payHalf(sql, at);
  }
  for (const key of ["A", "B", "C", "E"]) {
    await playStep(sql, clients, searches(key, "2027-01-20", 500));
  }
  await sql`select billing.run_monthly('2027-02-03')`;
  return clients;
}

/** Voids what was issued today, late lines and all, finds more usage, and bills it again. */
async function voidAndBillAgain(sql: Sql, at: string): Promise<void> {
  await sql`
    select billing.void_invoice(i.id, 'wrong address', ${at})
    from public.invoices i where i.finalized_at = ${at} and i.status = 'open' and i.kind = 'period'`;
  await sql`
    select billing.regenerate_invoice(i.id, ${at})
    from public.invoices i where i.voided_at = ${at} order by i.number`;
  await sql`select billing.run_monthly(${at}::timestamptz + interval '1 hour')`;
}

/** Every other open invoice is paid, one in four with more than is due. */
async function payHalf(sql: Sql, at: string): Promise<void> {
  await sql`
    select billing.record_payment(i.id,
      i.amount_due_minor + case when right(i.number, 1) in ('4', '8') then 300 else 0 end, ${at})
    from public.invoices i
    where i.status = 'open' and i.amount_due_minor > 0 and right(i.number, 1)::integer % 2 = 0`;
}

const texts = z.array(z.object({ line: z.string() }));

/** Invoices less credit notes, section by section, must be what the section is rated at. */
async function ledgerGaps(sql: Sql): Promise<string[]> {
  const rows = await sql`
    with target as (
      select array_agg((p.client_id, p.period_start, p.period_end)::billing.rating_target) as all
      from public.billing_periods p
    )
    select concat_ws(' ', s.client_id, s.section_start, s.net_minor) as line
    from target t cross join lateral _billing.late_sections(t.all) s where s.net_minor <> 0`;
  return texts.parse(rows).map((row) => row.line);
}

/** Periods that are not settled, usage that is in quarantine. */
async function openQuestions(sql: Sql): Promise<string[]> {
  const rows = await sql`
    select concat_ws(' ', c.name, p.period_start, p.state, p.message) as line
    from public.billing_periods p join public.clients c on c.id = p.client_id
    where p.state not in ('invoiced', 'skipped') or p.usage_changed
    union all
    select distinct concat_ws(' ', q.reason, c.name)
    from billing.quarantine q left join public.clients c on c.id = q.client_id`;
  return texts.parse(rows).map((row) => row.line);
}
