import type { Day } from "../../shared/rater/calendar.ts";
import { add, divide, multiply, subtract, sum, whole } from "../../shared/rater/fraction.ts";
import { inScope, type Part, partsOf as discountedParts } from "../../shared/rater/promotional.ts";
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

/** What a grant takes of the charges of one metric, model and agent. */
interface Use {
  readonly grant: string;
  /** The charges, as `keyOf` names them. */
  readonly of: string;
  amount: bigint;
}

/** A section with all that is booked for it. */
interface Section {
  readonly lines: SectionLine[];
  /** What it uses of grants, by invoice. */
  readonly uses: (Use & { readonly invoice: string })[];
}

type Left = (grant: string) => bigint;
type Grants = ReadonlyMap<string, CreditGrant>;

const HUNDRED = whole(100);
const ITEMS = "one_off";
const CHARGES: readonly string[] = ["usage", "minimum"];

/**
 * Promotional credit as a discount before tax: a section keeps what it uses of each metric, model
 * and agent as far as these charges come to it. New charges use more, in burn order and in the scope
 * of each grant.
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
    const before = {
      charged: chargedIn(section.lines),
      parts: partsOf(section.lines, charged.isShort),
    };
    section.lines.push(...charged.lines);
    const known = [...grants.values()].filter((grant) =>
      grant.client === client && grant.currency === charged.currency && grant.granted <= at &&
      grant.from <= at && isPromotional(grant)
    ).sort(burnOrder);
    const had = sumByKey(section.uses);
    const stays = charged.isShort ? staying(had, charged.lines) : had;
    const reduction = new Reduction(section.lines, before.parts, charged);
    for (const grant of known) {
      const rest = credit.left(grant.id) - (credit.taken.get(grant.id) ?? 0n);
      reduction.keep(grant, stays, usedOf(stays, grant.id) + atLeastZero(rest));
    }
    // The rest of it is kept for other charges in the scope of its grant.
    for (const grant of known) {
      reduction.move(grant, usedOf(stays, grant.id) - usedOf(reduction.uses, grant.id));
    }
    const released = known.map(({ id }) => usedOf(stays, id) - usedOf(reduction.uses, id));
    let budget = released.reduce(
      (all, amount) => all + amount,
      atLeastZero(chargedIn(section.lines) - before.charged),
    );
    for (const grant of known.filter((one) => this.#mayServe(one, charged.start))) {
      const own = usedOf(had, grant.id) - usedOf(reduction.uses, grant.id);
      const others = credit.taken.get(grant.id) ?? 0n;
      const left = credit.left(grant.id) - this.#toBeTaken(section, grant) + own - others;
      const used = reduction.use(grant, smallest(left, budget));
      budget -= used;
      credit.taken.set(grant.id, others + atLeastZero(used - own));
    }
    return book(section, charged.lines, had, reduction.uses, grants);
  }

  /** Credit that other sections, void by now, have given back: it is taken again. */
  #toBeTaken(section: Section, { id }: CreditGrant): bigint {
    return [...this.#sections.values()].filter((other) => other !== section)
      .reduce((all, { uses }) => all + atLeastZero(-usedOf(uses, id)), 0n);
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

/** What grants take of the charges of a section, one after the other. */
class Reduction {
  readonly uses: Use[] = [];
  readonly #parts: readonly Part[];
  /** What charges are beyond what was booked for them, by key. */
  readonly #growth: Map<string, bigint>;
  #room: bigint;

  constructor(
    lines: readonly SectionLine[],
    booked: readonly Part[],
    charged: ChargedSection,
  ) {
    this.#parts = partsOf(lines, charged.isShort);
    const were = new Map(booked.map((part) => [keyOf(part), part.amountMinor]));
    this.#growth = new Map(
      this.#parts.map((part) => [
        keyOf(part),
        atLeastZero(part.amountMinor - (were.get(keyOf(part)) ?? 0n)),
      ]),
    );
    // Where notes left nothing to credit, taxes went back with the charges, also those of items.
    const taxes = charged.isShort ? 0n : negativeTaxes(lines, charged);
    this.#room = atLeastZero(chargedIn(lines) - taxes);
  }

  /**
   * What a grant has taken of charges, as far as they come to it. Where an invoice is void and
   * others gave back what it took, that may be more than `most`, what it has taken and has left.
   */
  keep({ id }: CreditGrant, had: readonly Use[], most: bigint): void {
    let left = most;
    for (const part of this.#parts) {
      const of = keyOf(part);
      const recorded = had.find((use) => use.grant === id && use.of === of)?.amount ?? 0n;
      left -= this.#take(id, part, smallest(recorded, part.open, left));
    }
  }

  /** What a grant takes of all charges in its scope. */
  move(grant: CreditGrant, most: bigint): void {
    let left = most;
    for (const part of this.#parts.filter((one) => inScope(grant, one))) {
      left -= this.#take(grant.id, part, smallest(part.open, left));
    }
  }

  /** What a grant takes of new charges in its scope. */
  use(grant: CreditGrant, most: bigint): bigint {
    let amount = 0n;
    for (const part of this.#parts.filter((one) => inScope(grant, one))) {
      const growth = this.#growth.get(keyOf(part)) ?? 0n;
      const taken = this.#take(grant.id, part, smallest(part.open, growth, most - amount));
      this.#growth.set(keyOf(part), growth - taken);
      amount += taken;
    }
    return amount;
  }

  #take(grant: string, part: Part, wanted: bigint): bigint {
    const amount = atLeastZero(smallest(wanted, this.#room));
    part.open -= amount;
    this.#room -= amount;
    if (amount > 0n) this.uses.push({ grant, of: keyOf(part), amount });
    return amount;
  }
}

/**
 * What stays where a section is owed more than its invoices have left: notes say what comes back of
 * a grant, no more of any charges than go back.
 */
function staying(had: readonly Use[], lines: readonly SectionLine[]): Use[] {
  const notes = lines.filter(({ id }) => id === null);
  const sumOf = (some: readonly SectionLine[]) =>
    some.reduce((amount, line) => amount + line.amount, 0n);
  const back = new Map<string | null, bigint>();
  for (const { kind, grant, amount } of notes) {
    if (kind === "promotional_credit") back.set(grant, (back.get(grant) ?? 0n) + amount);
  }
  return had.map((use) => {
    const of = notes.filter((line) => keyOf(line) === use.of);
    const credited = -sumOf(of.filter(({ kind }) => CHARGES.includes(kind)));
    const said = sumOf(
      of.filter(({ kind, grant }) => kind === "promotional_credit" && grant === use.grant),
    );
    const rest = back.get(use.grant) ?? 0n;
    const freed = atLeastZero(smallest(said, credited, rest));
    back.set(use.grant, rest - freed);
    return { ...use, amount: use.amount - freed };
  });
}

/** The difference of what was used and what is, by the lines that come to it. */
function book(
  section: Section,
  lines: readonly SectionLine[],
  had: readonly Use[],
  uses: readonly Use[],
  grants: Grants,
): PromotionalMove[] {
  const less = had.map((use) => ({ ...use, amount: -use.amount }));
  const moves = sumByKey([...uses, ...less]).flatMap(({ grant: id, of, amount: more }) => {
    const grant = grants.get(id);
    if (grant === undefined || more === 0n) return [];
    const said = lines.filter((one) =>
      one.kind === "promotional_credit" && one.grant === id && keyOf(one) === of
    );
    const isWhole = said.reduce((amount, line) => amount + line.amount, 0n) === -more;
    const parts = isWhole ? said : [{ invoice: "", id: null, ...said[0], amount: -more }];
    return parts.map((line) => {
      section.uses.push({ invoice: line.invoice, grant: id, of, amount: -line.amount });
      return { grant, amount: line.amount, line: line.id, invoice: line.invoice };
    });
  });
  const byGrant = Map.groupBy(moves, ({ grant, invoice }) => `${grant.id} ${invoice}`);
  return [...byGrant.values()].flatMap(netted);
}

/** A grant that gets back and gives again on one document moves by the difference alone. */
function netted<M extends PromotionalMove>(moves: readonly M[]): PromotionalMove[] {
  const [first] = moves;
  if (first === undefined || new Set(moves.map(({ amount }) => amount > 0n)).size === 1) {
    return [...moves];
  }
  const amount = moves.reduce((all, move) => all + move.amount, 0n);
  return amount === 0n ? [] : [{ grant: first.grant, amount, line: null }];
}

function keyOf({ metric, model, agent }: Pick<Part, "metric" | "model" | "agent">): string {
  return JSON.stringify([metric, model, agent]);
}

function sumByKey(uses: readonly Use[]): Use[] {
  return [...Map.groupBy(uses, ({ grant, of }) => `${grant} ${of}`).values()].flatMap((
    [first, ...others],
  ) =>
    first === undefined ? [] : [{
      grant: first.grant,
      of: first.of,
      amount: others.reduce((amount, use) => amount + use.amount, first.amount),
    }]
  );
}

function usedOf(uses: readonly Use[], grant: string): bigint {
  return uses.filter((use) => use.grant === grant)
    .reduce((amount, use) => amount + use.amount, 0n);
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

/**
 * Charges by metric, model and agent, less their discount. `isShort`: without, for notes say how much
 * of it has stayed, and on no charges in particular.
 */
function partsOf(lines: readonly SectionLine[], isShort: boolean): Part[] {
  const charges = lines.filter(({ kind }) => CHARGES.includes(kind))
    .map((line) => ({ ...line, amountMinor: line.amount }));
  const discount = lines.filter(({ kind }) => kind === "discount")
    .reduce((amount, line) => amount + line.amount, 0n);
  return discountedParts(charges, isShort ? 0n : discount);
}

function isPromotional({ kind }: CreditGrant): boolean {
  return kind === "promotional";
}

function smallest(...amounts: readonly bigint[]): bigint {
  return amounts.reduce((least, amount) => amount < least ? amount : least);
}

function atLeastZero(amount: bigint): bigint {
  return amount > 0n ? amount : 0n;
}
