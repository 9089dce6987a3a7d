/** What is charged, as comparable lines of text: from the books and from the independent rater. */
import type { Sql } from "postgres";
import { z } from "zod";
import type { Fraction } from "../../../shared/rater/fraction.ts";
import type { Rating } from "../../../shared/rater/rate-month.ts";

/** `A 2026-06-01 usage gpt-4o units 2026-06-01 ALPHA` → amount in minor units and quantity. */
export type Charges = ReadonlyMap<string, string>;

const netRows = z.array(z.object({ fact: z.string(), amount: z.string(), quantity: z.string() }));

/**
 * What the books charge in the end for periods that begin before `untilDay`, net of credit notes,
 * line by line; zeros left out.
 */
export async function netCharges(
  sql: Sql,
  ids: readonly string[],
  untilDay: string,
): Promise<Charges> {
  const rows = netRows.parse(
    await sql`
      with target as (
        select array_agg((p.client_id, p.period_start, p.period_end)::billing.rating_target) as all
        from public.billing_periods p
        where p.client_id = any (${ids}) and p.period_start < ${untilDay}
      ), line as (
        select c.name, b.*, (b.sample).rate_class, string_to_array(b.rating_key, '|') as key
        from target t cross join lateral _billing.booked_lines(t.all) b
        join public.clients c on c.id = b.client_id
      )
      select concat_ws(' ', l.name, l.section_start, case l.key[1]
          -- The key names the class where it is not standard.
          when 'usage' then concat_ws(' ', 'usage', l.key[2], l.rate_class, l.key[3],
            case l.rate_class when 'standard' then l.key[5] else l.key[6] end,
            case l.rate_class when 'standard' then l.key[6] else l.key[7] end)
          when 'tax' then concat_ws(' ', 'tax', l.key[3], l.key[5]) else l.rating_key end) as fact,
        trim_scale(sum(l.amount_minor))::text as amount,
        trim_scale(sum(coalesce(l.quantity, l.tax_base_minor, 0)))::text as quantity
      from line l
      group by 1
      having sum(l.amount_minor) <> 0 or sum(coalesce(l.quantity, l.tax_base_minor, 0)) <> 0`,
  );
  return sorted(rows.map(({ fact, amount, quantity }) => [fact, `${amount} for ${quantity}`]));
}

/** The same from raw rows by the rater that shares no code with the database. */
export function ratedCharges(rating: Rating, untilDay: string): Charges {
  return sorted(
    rating.periods.flatMap((period): [string, string][] => {
      if (period.outcome !== "invoiced" || period.period.start >= untilDay) return [];
      return period.lines.map((line) => {
        const place = `${period.client.name} ${period.period.start}`;
        if (line.kind === "usage") {
          const agent = line.agent === null ? "" : ` ${line.agent}`;
          const what =
            `usage ${line.model} ${line.rateClass} ${line.metric} ${line.priceStart}${agent}`;
          return [`${place} ${what}`, `${line.amountMinor} for ${decimalText(line.quantity)}`];
        }
        return line.kind === "tax"
          ? [
            `${place} tax ${line.name} ${line.behavior}`,
            `${line.amountMinor} for ${line.baseMinor}`,
          ]
          : [`${place} ${line.kind}`, `${line.amountMinor} for 0`];
      });
    }),
  );
}

/** The decimal of a quantity, which logs count with 30 digits at most. */
function decimalText({ n, d }: Fraction): string {
  if (d === 1n) return `${n}`;
  const places = 30;
  const digits = `${(n < 0n ? -n : n) * 10n ** BigInt(places) / d}`.padStart(places + 1, "0");
  const text = `${digits.slice(0, -places)}.${digits.slice(-places)}`.replace(/0+$/, "");
  return n < 0n ? `-${text}` : text;
}

/** Sums of charges per client and section that are not zero: what a period costs the client. */
export function bySection(charges: Charges): Charges {
  const sums = new Map<string, bigint>();
  for (const [fact, value] of charges) {
    if (fact.endsWith(" inclusive")) continue;
    const section = fact.split(" ", 2).join(" ");
    sums.set(section, (sums.get(section) ?? 0n) + BigInt(value.split(" ")[0] ?? "0"));
  }
  const costly = [...sums].filter(([, sum]) => sum !== 0n);
  return sorted(costly.map(([section, sum]) => [section, `${sum}`]));
}

function sorted(entries: [string, string][]): Charges {
  return new Map(entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}
