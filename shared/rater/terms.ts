import {
  addDays,
  anchorAfter,
  anchorBefore,
  type Day,
  daysBetween,
  type Period,
  servedDays,
} from "./calendar.ts";
import { type Fraction, parseDecimal, whole, ZERO } from "./fraction.ts";
import {
  decimalOf,
  type ExactJson,
  isObject,
  items,
  member,
  parseExactJson,
  textOf,
} from "./json.ts";
import type { ClientRow, ConfigRow, World } from "./world.ts";

export interface Tax {
  readonly name: string;
  readonly ratePercent: Fraction;
  readonly behavior: "exclusive" | "inclusive" | "reverse_charge";
  /** Metrics (or `minimum`) the tax holds for; undefined: all. */
  readonly appliesTo: readonly string[] | undefined;
}

/** How a client is billed for a period. Money is in minor units. */
export interface Terms {
  readonly period: Period;
  /** The days of the period on which the client was served, in order. */
  readonly service: readonly Day[];
  readonly fullDays: number;
  readonly currency: string;
  /** Minor units in a major one: 100 for USD, 1 for JPY. */
  readonly minorPerMajor: Fraction;
  readonly minimum: Fraction;
  readonly discountPercent: Fraction | undefined;
  readonly discountFixed: Fraction | undefined;
  readonly taxes: readonly Tax[];
  readonly byAgent: boolean;
}

/** Terms are those in force on the last day of service in the period. Throws without a default. */
export function termsOf(
  world: World,
  client: ClientRow,
  period: Period & { readonly anchor?: number },
): Terms {
  const service = servedDays(client, period);
  const on = service.at(-1) ?? period.start;
  const fallback = configOn(world, null, on);
  if (fallback === undefined) throw new Error(`no default billing_config on ${on}`);
  const own = configOn(world, client.id, on);
  const code = own?.currency ?? fallback.currency;
  const currency = world.currencies.find((row) => row.code === code);
  if (currency === undefined) throw new Error(`unknown currency ${code}`);
  // An amount of the default holds only in the default's currency: 50.00 USD is not 5000 JPY.
  const isDefaultMoney = fallback.currency === currency.code;
  const anchor = period.anchor ?? client.billing_anchor_day;
  const lastDay = addDays(period.end, -1);
  return {
    period,
    service,
    // Of the whole month from anchor day to anchor day that the period is, or is part of.
    fullDays: daysBetween(anchorBefore(lastDay, anchor), anchorAfter(lastDay, anchor)),
    currency: currency.code,
    minorPerMajor: whole(10n ** BigInt(currency.exponent)),
    minimum: amount(own?.minimum_minor ?? (isDefaultMoney ? fallback.minimum_minor : null)) ?? ZERO,
    ...discountOf(own, fallback, on, isDefaultMoney),
    taxes: items(parseExactJson(own?.taxes ?? fallback.taxes ?? "[]")).map(taxOf),
    byAgent: (own?.line_grouping ?? fallback.line_grouping) === "agent",
  };
}

function configOn(world: World, clientId: string | null, on: Day): ConfigRow | undefined {
  return world.config.find((row) =>
    row.client_id === clientId && row.effective_from <= on && on < row.effective_until
  );
}

/** The client's own discount while it runs, else the default's while that runs. */
function discountOf(
  own: ConfigRow | undefined,
  fallback: ConfigRow,
  on: Day,
  isDefaultMoney: boolean,
): Pick<Terms, "discountPercent" | "discountFixed"> {
  const none = { discountPercent: undefined, discountFixed: undefined };
  if (on >= (own?.discount_until ?? "infinity")) return none;
  const hasOwn = own !== undefined && (own.discount_percent ?? own.discount_minor) !== null;
  if (!hasOwn && on >= (fallback.discount_until ?? "infinity")) return none;
  const source = hasOwn ? own : fallback;
  return {
    discountPercent: amount(source.discount_percent),
    discountFixed: hasOwn || isDefaultMoney ? amount(source.discount_minor) : undefined,
  };
}

function amount(text: string | null | undefined): Fraction | undefined {
  return text === null || text === undefined ? undefined : parseDecimal(text);
}

function taxOf(row: ExactJson): Tax {
  const behavior = textOf(member(row, "behavior"));
  const ratePercent = decimalOf(member(row, "rate_percent"));
  const isKnown = behavior === "exclusive" || behavior === "inclusive" ||
    behavior === "reverse_charge";
  if (!isObject(row) || !isKnown || ratePercent === undefined) {
    throw new Error("a tax has no rate or no known behavior");
  }
  const appliesTo = row.get("applies_to");
  return {
    name: textOf(row.get("name")) ?? "",
    ratePercent,
    behavior,
    appliesTo: Array.isArray(appliesTo)
      ? appliesTo.flatMap((subject) => textOf(subject) ?? [])
      : undefined,
  };
}
