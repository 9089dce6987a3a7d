/** What must be true after every run, whatever has happened. Each law returns what breaks it. */
import type { Sql } from "postgres";
import { z } from "zod";
import { describeBooks, findContradictions } from "../cases/books.ts";
import { isCreditRated } from "./credit.ts";
import { isRatedAsBooked } from "./rated.ts";
import { addDays, type Span, type State } from "./state.ts";

export interface Broken {
  readonly law: string;
  readonly details: readonly string[];
}

type Law = (state: State) => Promise<string[]>;

const lines = z.array(z.object({ line: z.string() }));
const texts = async (rows: Promise<unknown>) => lines.parse(await rows).map(({ line }) => line);

export const laws: Readonly<Record<string, Law>> = {
  "a run could not settle a client": ({ sql }) =>
    texts(sql`
      select format('%s: %s', c.name, x.message) as line
      from billing.run_clients x join public.clients c on c.id = x.client_id
      where x.state = 'failed'`),
  "books contradict themselves": ({ sql }) => findContradictions(sql),
  "outside service": outsideService,
  "used before the end is not billed": forgottenBeforeEnd,
  "booked is not rated": isRatedAsBooked,
  "a credit note credits what its invoice did not charge": ({ sql }) => strangeCredits(sql),
  "an invoice is credited more than it charged": ({ sql }) => overcredited(sql),
  "credit is not rated": ({ sql }) => isCreditRated(sql),
  "an item stands twice": ({ sql }) => doubledItems(sql),
  "invariants": ({ sql }) =>
    texts(sql`
      select concat_ws(' ', v.invariant, v.subject, v.detail) as line
      from billing.check_invariants('2026-01-01') v`),
  "lines without effect": ({ sql }) => pairs(sql),
  "reads that sum find other lines": ({ sql }) => otherSums(sql),
  "rebuild is not increment": rebuilt,
  "running again changes the books": runAgain,
};

/** No day of a gap is in service; sections that lie in one cost nothing. */
async function outsideService({ sql, known, clients }: State): Promise<string[]> {
  const broken: string[] = [];
  for (const { key, gaps, away } of known) {
    const client = clients.get(key) ?? "";
    const open = away === null ? [] : [{ from: addDays(away.day, 2), until: "infinity" }];
    for (const gap of [...gaps, ...open]) {
      const { from, until } = gap;
      broken.push(
        ...await texts(sql`
          select format('%s: served from %s to %s, not from %s to %s', ${key}::text, s.starts_on,
            s.ends_on, ${from}::text, ${until}::text) as line
          from public.service_intervals s
          where s.client_id = ${client} and s.starts_on < ${until}::text::date
            and s.ends_on > ${from}::text::date`),
        ...(await costsWithin(sql, client, gap)).map((line) =>
          `${key}: ${line}, not served from ${from} to ${until}`
        ),
      );
    }
  }
  return broken;
}

/**
 * What the sections of a gap cost, but for what stays as it is booked because nothing is left to be
 * credited on the invoices that charged it: a note by hand had emptied them.
 */
function costsWithin(sql: Sql, client: string, { from, until }: Span): Promise<string[]> {
  return texts(sql`
    with line as (
      select i.id as invoice_id, l.section_start, l.section_end, l.kind, l.metric, l.amount_minor,
        l.tax_behavior
      from public.invoice_lines l join public.invoices i on i.id = l.invoice_id
      where i.client_id = ${client} and i.status <> 'void'
      union all
      select n.invoice_id, l.section_start, p.period_end, l.kind, l.metric, -l.amount_minor,
        l.tax_behavior
      from public.credit_note_lines l join public.credit_notes n on n.id = l.credit_note_id
      join public.billing_periods p on p.client_id = n.client_id
        and p.period_start = l.section_start
      where n.client_id = ${client} and l.kind <> 'credit'
    ), of_invoice as (
      select x.section_start, x.invoice_id, sum(x.amount_minor)
          filter (where x.tax_behavior is distinct from 'inclusive') as booked,
        coalesce(sum(x.amount_minor) filter (where x.kind in ('usage', 'minimum')), 0) as charged
      from line x group by x.section_start, x.invoice_id
    ), section as (
      select o.section_start, bool_or(i.status = 'draft' or least(o.booked,
          i.total_minor - coalesce((select sum(n.total_minor) from public.credit_notes n
            where n.invoice_id = i.id and n.voided_at is null), 0)) > 0) as is_creditable,
        sum(o.charged) as charged
      from of_invoice o join public.invoices i on i.id = o.invoice_id
      group by o.section_start
    )
    select format('%s of %s costs %s', coalesce(l.metric, l.kind), l.section_start,
      sum(l.amount_minor)) as line
    from line l join section s on s.section_start = l.section_start
    where l.kind in ('usage', 'minimum') and (s.is_creditable or s.charged < 0)
      and l.section_start >= ${from}::text::date and l.section_end <= ${until}::text::date
    group by l.section_start, coalesce(l.metric, l.kind)
    having sum(l.amount_minor) <> 0`);
}

/**
 * What was used on days of service before a subscription was cancelled is billed once its period is
 * over, whether the client comes back or not: the period is there, and so is a record of the usage,
 * which the law of the rating holds to account. Days near the start, the end and gaps are left out:
 * zones move them.
 */
async function forgottenBeforeEnd({ sql, known, clients, day }: State): Promise<string[]> {
  const broken: string[] = [];
  for (const { key, away, logs, startedOn, endedOn, gaps, unclear } of known) {
    if (away?.why !== "cancelled") continue;
    const last = addDays(endedOn !== null && endedOn < away.day ? endedOn : away.day, -3);
    const days = [...logs.values()].filter(({ isSilent }) => !isSilent)
      .map(({ row }) => String(row["timestamp"]).slice(0, 10)).filter(
        (used) =>
          used > startedOn && used <= last &&
          ![...gaps, ...unclear].some(({ from, until }) =>
            used >= addDays(from, -2) && used <= addDays(until, 2)
          ),
      );
    const client = clients.get(key) ?? "";
    broken.push(
      ...await texts(sql`
        select distinct format('%s: used on %s, cancelled on %s: %s', ${key}::text, u.day,
          ${away.day}::text, case when p.client_id is null then 'no period' else 'no record' end)
          as line
        from unnest(${days}::date[]) u(day)
        left join public.billing_periods p on p.client_id = ${client}
          and u.day >= p.period_start and u.day < p.period_end
        -- The longest period is of 31 days; a zone moves its end by one.
        where p.client_id is null and u.day < ${addDays(day, -33)}::date
          or p.client_id is not null and not exists (
            select from public.usage_records r where r.client_id = ${client}
              and r.usage_day between u.day - 1 and u.day + 1)`),
    );
  }
  return broken;
}

/**
 * Live spend and balance rate usage by a short way where they can: its lines are those of the long
 * way. Each metric by itself, so that tiers of one do not send the others the long way.
 */
function otherSums(sql: Sql): Promise<string[]> {
  return texts(sql`
    with target as materialized (
      select x.targets, y.terms, array(select d from billing.usage_by_day(y.terms, false) d) as days
      from public.billing_periods p
      cross join lateral (
        select array[(p.client_id, p.period_start, p.period_end)::billing.rating_target] as targets
      ) x
      cross join lateral (
        select array(select t from billing.period_terms(x.targets) t) as terms offset 0) y
    ), plain as materialized (
      select m.metric, (t.terms[1]).client_id, (t.terms[1]).period_start, _billing.plain_usage(
        t.terms[1], 1, array(select d from unnest(t.days) d where d.metric = m.metric), true, false)
        as lines
      from target t
      cross join lateral (select distinct d.metric from unnest(t.days) d) m
    ), line as (
      select l.*, true as is_plain from plain p cross join lateral unnest(p.lines) l
      union all
      select r.*, false from target t
      cross join lateral _billing.rate_usage(t.targets, true, t.terms) r
      join plain p on p.client_id = r.client_id and p.period_start = r.period_start
        and p.metric = r.metric and p.lines is not null
    )
    select format('%s from %s: %s of %s, not %s', l.client_id, l.period_start,
      sum(l.amount_minor) filter (where l.is_plain), coalesce(l.rating_key, l.metric),
      sum(l.amount_minor) filter (where not l.is_plain)) as line
    from line l
    group by l.client_id, l.period_start, l.rating_key, l.model, l.metric, l.rate_class
    having count(*) <> 2 or count(distinct (l.quantity, coalesce(l.amount_minor, 0))) > 1`);
}

/**
 * What a credit note gives back its invoice has charged, unless the invoice that did has nothing left
 * to be credited, by notes by hand or for the section; a tax is named as the invoice does. A discount
 * that stays moves from one invoice of the period to another.
 */
function strangeCredits(sql: Sql): Promise<string[]> {
  return texts(sql`
    select format('%s: %s of %s, %s', n.number, x.rating_key, x.section_start, x.amount_minor)
      as line
    from public.credit_note_lines x join public.credit_notes n on n.id = x.credit_note_id
    where x.kind not in ('credit', 'discount') and x.amount_minor > 0 and not exists (
      select from public.invoice_lines l where l.invoice_id = n.invoice_id
        and l.rating_key = x.rating_key
        and (x.section_start is null or l.section_start = x.section_start))
      -- What another note of the invoice has charged, because as a whole it credited.
      and not exists (
        select from public.credit_note_lines e join public.credit_notes m on m.id = e.credit_note_id
        where m.invoice_id = n.invoice_id and e.rating_key = x.rating_key
          and e.section_start = x.section_start and e.amount_minor < 0)
      and exists (
        select from public.invoice_lines l join public.invoices i on i.id = l.invoice_id
          and i.client_id = n.client_id and i.status in ('open', 'paid', 'uncollectible')
          -- One that is issued after the note charges anew what it has given back.
          and i.finalized_at <= n.issued_at
        where l.rating_key = x.rating_key and l.section_start = x.section_start
          and i.total_minor > coalesce((select sum(o.total_minor) from public.credit_notes o
            where o.invoice_id = i.id), 0)
          -- A section with no room on it: usage within the minimum, which is taken back beside it, or
          -- an allowance that stays while all usage beside it has been given back.
          and (select sum(a.amount_minor) from (
            select c.amount_minor, c.tax_behavior from public.invoice_lines c
            where c.invoice_id = i.id and c.section_start = x.section_start
            union all
            select -c.amount_minor, c.tax_behavior
            from public.credit_note_lines c join public.credit_notes o on o.id = c.credit_note_id
            where o.invoice_id = i.id and c.section_start = x.section_start
              and o.issued_at <= n.issued_at
          ) a where a.tax_behavior is distinct from 'inclusive') > 0)
    union all
    -- No note of a period is on an invoice that charged nothing of it, while one of its own is there.
    select distinct format('%s: %s, which its invoice did not charge', n.number, x.section_start)
    from public.credit_note_lines x join public.credit_notes n on n.id = x.credit_note_id
    where not exists (select from public.invoice_lines l
        where l.invoice_id = n.invoice_id and l.section_start = x.section_start)
      and exists (select from public.invoices i
        where i.client_id = n.client_id and i.kind = 'period' and i.period_start = x.section_start
          and i.status in ('open', 'paid', 'uncollectible') and i.finalized_at < n.issued_at)
    union all
    select format('%s: a tax without %s', n.number, case when t ->> 'name' is null then 'name'
      when t ->> 'rate_percent' is null then 'rate' else 'behavior' end)
    from public.credit_notes n cross join jsonb_array_elements(n.document -> 'taxes') t
    where num_nulls(t ->> 'name', t ->> 'rate_percent', t ->> 'behavior') > 0`);
}

/** No invoice is credited more for a period than it charged: the rest stays for its other periods. */
function overcredited(sql: Sql): Promise<string[]> {
  return texts(sql`
    select format('%s: %s of %s credited of %s', i.number, -sum(x.amount_minor)
      filter (where not x.is_charged), x.section_start, sum(x.amount_minor)
      filter (where x.is_charged)) as line
    from (
      select l.invoice_id, l.section_start, l.amount_minor, true as is_charged
      from public.invoice_lines l
      where l.tax_behavior is null or l.tax_behavior = 'exclusive'
      union all
      select m.invoice_id, l.section_start, -l.amount_minor, false
      from public.credit_note_lines l join public.credit_notes m on m.id = l.credit_note_id
      where l.tax_behavior is null or l.tax_behavior = 'exclusive'
    ) x join public.invoices i on i.id = x.invoice_id
    where x.section_start is not null and i.status <> 'void'
    group by i.number, x.section_start
    having bool_or(x.is_charged) and bool_or(not x.is_charged) and sum(x.amount_minor) < 0`);
}

function doubledItems(sql: Sql): Promise<string[]> {
  return texts(sql`
    select format('%s stands on %s invoices', l.rating_key, count(distinct i.id)) as line
    from public.invoice_lines l join public.invoices i on i.id = l.invoice_id
    where i.status <> 'void' and l.rating_key like 'item|%'
    group by l.rating_key having count(distinct i.id) > 1`);
}

/** Lines of one document that only cancel each other say that something happened; nothing did. */
function pairs(sql: Sql): Promise<string[]> {
  return texts(sql`
    select format('%s: %s %s of %s, +%s and -%s', coalesce(i.number, 'draft'), a.model, a.metric,
      a.section_start, a.amount_minor, a.amount_minor) as line
    from public.invoice_lines a
    join public.invoice_lines b on b.invoice_id = a.invoice_id and b.section_start = a.section_start
      and (b.kind, b.model, b.metric, b.rate_class, b.agent, b.price_id)
        is not distinct from (a.kind, a.model, a.metric, a.rate_class, a.agent, a.price_id)
      and b.amount_minor = -a.amount_minor and b.quantity is not distinct from -a.quantity
    join public.invoices i on i.id = a.invoice_id
    where a.amount_minor > 0 and a.kind = 'usage' and i.status <> 'void'`);
}

async function rebuilt({ sql }: State): Promise<string[]> {
  const records = async () =>
    await texts(sql`
      select concat_ws(' ', r.client_id, r.agent, r.model, r.usage_day, r.metric, r.rate_class,
        trim_scale(r.quantity)) as line
      from public.usage_records r where r.quantity <> 0 order by 1`);
  await sql`savepoint rebuild`;
  const before = await records();
  await sql`select billing.rebuild_usage()`;
  const after = await records();
  await sql`rollback to savepoint rebuild`;
  return differences("increment", before, "rebuild", after);
}

/**
 * A draft that waits uses promotional credit that came back in the run that made it, but not before
 * the next run; the run after that one changes nothing.
 */
async function runAgain({ sql, clients, day }: State): Promise<string[]> {
  await sql`savepoint again`;
  const again = async () => {
    await sql`select billing.run_monthly(${day})`;
    return await describeBooks(sql, clients);
  };
  const once = await describeBooks(sql, clients);
  const returned = await texts(sql`
    select distinct concat(': ', c.name, ' draft ') as line
    from public.credit_entries e
    join public.credit_grants g on g.id = e.grant_id join public.clients c on c.id = g.client_id
    where e.kind = 'discount_return' and e.effective_at = ${day}`);
  const twice = await again();
  const all = differences("once", once, "twice", twice);
  const others = all.filter((line) => !returned.some((draft) => line.includes(draft)));
  const thrice = others.length < all.length ? await again() : twice;
  await sql`rollback to savepoint again`;
  return [...others, ...differences("twice", twice, "thrice", thrice)];
}

function differences(
  one: string,
  before: readonly string[],
  other: string,
  after: readonly string[],
): string[] {
  return [
    ...before.filter((line) => !after.includes(line)).map((line) => `${one}: ${line}`),
    ...after.filter((line) => !before.includes(line)).map((line) => `${other}: ${line}`),
  ];
}
