import type { Day } from "../../shared/rater/calendar.ts";
import { add, divide, multiply, subtract, sum, whole } from "../../shared/rater/fraction.ts";
import { type Part, partsOf as discountedParts } from "../../shared/rater/promotional.ts";
import type {
  ChargedSection,
  ChargedSections,
  CreditCalendar,
  CreditGrant,
  SectionLine,
} from "./credit-events.ts";
import { burnOrder } from "./credit-uses.ts";

/** What becomes of a promotional grant: less than zero where it is used. */
export interface PromotionalMove {
  readonly grant: CreditGrant;
  readonly amount: bigint;
  readonly line: string | null;
}

/** A section with all that is booked for it. */
interface Section {
  readonly lines: SectionLine[];
  /** What it uses of grants, by invoice. */
  readonly uses: { readonly invoice: string; readonly grant: string; amount: bigint }[];
}

type Left = (grant: string) => bigint;
type Grants = ReadonlyMap<string, CreditGrant>;

const HUNDRED = whole(100);
const ITEMS = "one_off";
const CHARGES: readonly string[] = ["usage", "minimum"];

/**
 * Promotional credit as a discount before tax: a section keeps what it uses as far as its charges
 * come to it, and uses more for what it charges beyond what was booked, in burn order.
 */
export class Promotions {
  readonly #sections = new Map<string, Section>();
  readonly #calendar: CreditCalendar;

  constructor(calendar: CreditCalendar) {
    this.#calendar = calendar;
  }

  charge(event: ChargedSections, grants: Grants, left: Left): PromotionalMove[] {
    const taken = new Map<string, bigint>();
    return event.sections.toSorted((a, b) => a.start < b.start ? -1 : 1).flatMap((charged) =>
      this.#chargeSection(event, charged, grants, { left, taken })
    );
  }

  /** What an invoice has used comes back, and what it gave back is used again. */
  void(invoice: string, grants: Grants): PromotionalMove[] {
    const back = new Map<string, bigint>();
    for (const section of this.#sections.values()) {
      section.lines.splice(
        0,
        Infinity,
        ...section.lines.filter((line) => line.invoice !== invoice),
      );
      for (const use of section.uses.filter((one) => one.invoice === invoice)) {
        back.set(use.grant, (back.get(use.grant) ?? 0n) + use.amount);
        use.amount = 0n;
      }
    }
    return [...back].flatMap(([id, amount]) => {
      const grant = grants.get(id);
      return grant === undefined ? [] : [{ grant, amount, line: null }];
    });
  }

  #chargeSection(
    { client, at }: ChargedSections,
    charged: ChargedSection,
    grants: Grants,
    credit: { readonly left: Left; readonly taken: Map<string, bigint> },
  ): PromotionalMove[] {
    const section = this.#section(`${client} ${charged.start}`);
    const before = chargedIn(section.lines);
    section.lines.push(...charged.lines);
    const room = atLeastZero(chargedIn(section.lines) - negativeTaxes(section.lines, charged));
    const growth = atLeastZero(chargedIn(section.lines) - before);
    const parts = partsOf(section.lines);
    const known = [...grants.values()].filter((grant) =>
      grant.client === client && grant.currency === charged.currency && grant.granted <= at &&
      grant.from <= at && isPromotional(grant)
    ).sort(burnOrder);
    const had = sumBy(section.uses);
    const uses = new Map<string, bigint>();
    for (const grant of known) {
      const most = smallest(had.get(grant.id) ?? 0n, room - total(uses));
      uses.set(grant.id, take(parts, most));
    }
    let grown = 0n;
    for (const grant of known.filter((one) => this.#mayServe(one, charged.start))) {
      const left = credit.left(grant.id) - (credit.taken.get(grant.id) ?? 0n);
      const amount = take(parts, smallest(left, growth - grown, room - total(uses)));
      credit.taken.set(grant.id, (credit.taken.get(grant.id) ?? 0n) + amount);
      grown += amount;
      uses.set(grant.id, (uses.get(grant.id) ?? 0n) + amount);
    }
    return book(section, charged.lines, had, uses, grants);
  }

  /** It may be used at some instant from the beginning of the section. */
  #mayServe({ client, until }: CreditGrant, start: Day): boolean {
    return until === null || this.#calendar.dayOf(client, until - 1n) >= start;
  }

  #section(key: string): Section {
    const known = this.#sections.get(key) ?? { lines: [], uses: [] };
    this.#sections.set(key, known);
    return known;
  }
}

/** The difference of what was used and what is, by the lines that come to it. */
function book(
  section: Section,
  lines: readonly SectionLine[],
  had: ReadonlyMap<string, bigint>,
  uses: ReadonlyMap<string, bigint>,
  grants: Grants,
): PromotionalMove[] {
  return [...new Set([...had.keys(), ...uses.keys()])].flatMap((id) => {
    const grant = grants.get(id);
    const more = (uses.get(id) ?? 0n) - (had.get(id) ?? 0n);
    if (grant === undefined || more === 0n) return [];
    const said = lines.filter((one) => one.kind === "promotional_credit" && one.grant === id);
    const isWhole = said.reduce((amount, line) => amount + line.amount, 0n) === -more;
    const parts = isWhole ? said : [{ invoice: "", id: null, ...said[0], amount: -more }];
    return parts.map((line) => {
      section.uses.push({ invoice: line.invoice, grant: id, amount: -line.amount });
      return { grant, amount: line.amount, line: line.id };
    });
  });
}

/** What is charged before promotional credit and tax. */
function chargedIn(lines: readonly SectionLine[]): bigint {
  return lines.filter(({ kind }) => [...CHARGES, ITEMS, "discount"].includes(kind))
    .reduce((amount, line) => amount + line.amount, 0n);
}

/**
 * The most by which taxes on top may be below zero where charges are covered: items in favour that
 * are taxed more than what is left beside them. Each is rounded up.
 */
function negativeTaxes(lines: readonly SectionLine[], { taxes }: ChargedSection): bigint {
  const sums = new Map<string, bigint>();
  for (const { kind, metric, amount } of lines) {
    if (![...CHARGES, ITEMS].includes(kind)) continue;
    sums.set(metric ?? kind, (sums.get(metric ?? kind) ?? 0n) + amount);
  }
  const favourOf = (holds: (subject: string) => boolean) =>
    [...sums].reduce((all, [one, sum]) => holds(one) && sum < 0n ? all - sum : all, 0n);
  const favour = favourOf(() => true);
  const gross = add(HUNDRED, sum(taxes.map(({ contained }) => contained)));
  return taxes.reduce((all, { rate, appliesTo }) => {
    const isTaxed = (subject: string) => appliesTo === null || appliesTo.includes(subject);
    const untaxed = [...sums].reduce(
      (rest, [one, sum]) => isTaxed(one) ? rest : rest + atLeastZero(sum),
      0n,
    );
    const left = divide(multiply(whole(atLeastZero(favour - untaxed)), HUNDRED), gross);
    const { n, d } = divide(
      multiply(rate, subtract(whole(favourOf(isTaxed)), left)),
      HUNDRED,
    );
    return n > 0n ? all + (n + d - 1n) / d : all;
  }, 0n);
}

/** Charges by metric, model and agent, less their discount. */
function partsOf(lines: readonly SectionLine[]): Part[] {
  const charges = lines.filter(({ kind }) => CHARGES.includes(kind))
    .map((line) => ({ ...line, amountMinor: line.amount }));
  const discount = lines.filter(({ kind }) => kind === "discount")
    .reduce((amount, line) => amount + line.amount, 0n);
  return discountedParts(charges, discount);
}

/** Takes so much off parts, one after the other. */
function take(parts: readonly Part[], most: bigint): bigint {
  let amount = 0n;
  for (const part of parts) {
    const taken = atLeastZero(smallest(part.open, most - amount));
    part.open -= taken;
    amount += taken;
  }
  return amount;
}

function isPromotional({ kind }: CreditGrant): boolean {
  return kind === "promotional";
}

function sumBy(uses: Section["uses"]): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const { grant, amount } of uses) sums.set(grant, (sums.get(grant) ?? 0n) + amount);
  return sums;
}

function total(uses: ReadonlyMap<string, bigint>): bigint {
  return [...uses.values()].reduce((amount, use) => amount + use, 0n);
}

function smallest(...amounts: readonly bigint[]): bigint {
  return amounts.reduce((least, amount) => amount < least ? amount : least);
}

function atLeastZero(amount: bigint): bigint {
  return amount > 0n ? amount : 0n;
}
