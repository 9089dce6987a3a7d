import type { Sql } from "postgres";
import { rateMonth } from "../../../shared/rater/rate-month.ts";
import { bySection, type Charges, netCharges, ratedCharges } from "../../test/properties/facts.ts";
import { FIRST_DAY } from "../calendar.ts";
import { subjectsOf } from "../cast.ts";
import type { Violation } from "../history.ts";
import type { Rest } from "../quiesce.ts";
import type { Raw } from "../raw.ts";

/** What the database itself says about its books. */
export async function checkInvariants(sql: Sql): Promise<Violation[]> {
  const rows = await sql<{ invariant: string; subject: string; detail: string; name: string }[]>`
    select v.invariant, v.subject, v.detail, coalesce(c.name, '') as name
    from billing.check_invariants(${FIRST_DAY}) v
    left join public.invoices i on i.number = v.subject or i.id::text = v.subject
    left join public.clients c on c.id = i.client_id or c.id::text = split_part(v.subject, '/', 1)`;
  const differences = await sql<{ detail: string; name: string }[]>`
    select d::text as detail, coalesce(c.name, '') as name
    from billing.usage_discrepancies() d left join public.clients c on c.id = d.client_id`;
  return [
    ...rows.map(({ invariant, subject, detail, name }) => ({
      check: invariant,
      about: invariant === "records_equal_logs" ? subjectsOf(name) : [`client ${name}`],
      detail: `${subject}: ${detail}`,
    })),
    ...differences.map(({ detail, name }) => ({
      check: "usage_discrepancies",
      about: subjectsOf(name),
      detail,
    })),
  ];
}

/**
 * All that was ever invoiced for a period, less credit notes, is what an independent rating of its
 * raw logs finds, to the minor unit. Only where nothing is left to credit may more be booked.
 */
export async function checkCharges(
  sql: Sql,
  { world, meters }: Raw,
  rest: Rest,
): Promise<Violation[]> {
  const ids = world.clients.map(({ id }) => id);
  const booked = bySection(withoutItems(await netCharges(sql, ids, rest.until)));
  const rated = bySection(ratedCharges(rateMonth(world, rest, { meters }), rest.until));
  const exhausted = await exhaustedSections(sql);
  const sections = [...new Set([...booked.keys(), ...rated.keys()])];
  return sections.flatMap((section) => {
    const [books, logs] = [booked.get(section) ?? "0", rated.get(section) ?? "0"];
    if (books === logs) return [];
    if (BigInt(books) > BigInt(logs) && exhausted.has(section)) return [];
    const detail = `${section}: booked ${books}, rated independently ${logs}`;
    return [{ check: "charges", about: subjectsOf(section.split(" ")[0] ?? ""), detail }];
  });
}

/** One-off items are no usage: the rater does not know of them. */
function withoutItems(charges: Charges): Charges {
  return new Map([...charges].filter(([fact]) => !fact.includes(" item|")));
}

/** Periods of which all that was charged has been credited, or all of the invoices it is on. */
async function exhaustedSections(sql: Sql): Promise<ReadonlySet<string>> {
  const rows = await sql<{ section: string }[]>`
    select concat_ws(' ', c.name, x.section_start) as section
    from (
      select i.client_id, l.section_start, i.id, i.total_minor, sum(l.amount_minor) filter (
        where l.tax_behavior is null or l.tax_behavior = 'exclusive') as charged
      from public.invoices i join public.invoice_lines l on l.invoice_id = i.id
      where i.status in ('open', 'paid', 'uncollectible') and l.section_start is not null
      group by i.client_id, l.section_start, i.id
    ) x
    join public.clients c on c.id = x.client_id
    cross join lateral (
      select coalesce(sum(n.total_minor), 0) as credited,
        coalesce(sum(n.total_minor) filter (where exists (
          select from public.credit_note_lines y
          where y.credit_note_id = n.id and y.section_start = x.section_start)), 0) as of_section
      from public.credit_notes n where n.invoice_id = x.id
    ) n
    group by 1
    having max(least(x.total_minor - n.credited, x.charged - n.of_section)) <= 0`;
  return new Set(rows.map(({ section }) => section));
}

/** Numbers of each series run from 1 on, each once. */
export async function checkNumbers(sql: Sql): Promise<Violation[]> {
  const rows = await sql<{ number: string; name: string }[]>`
    select i.number, c.name from public.invoices i join public.clients c on c.id = i.client_id
    where i.number is not null order by i.number`;
  const series = Map.groupBy(rows, ({ number }) => number.slice(0, number.lastIndexOf("-")));
  return [...series.values()].flatMap((given) =>
    given.flatMap(({ number, name }, index) => {
      if (Number(number.slice(number.lastIndexOf("-") + 1)) === index + 1) return [];
      const detail = `${number} stands where number ${index + 1} should`;
      return [{ check: "numbers", about: [`client ${name}`], detail }];
    }).slice(0, 1)
  );
}
