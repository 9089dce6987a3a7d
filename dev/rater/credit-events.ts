import type { Day } from "../../shared/rater/calendar.ts";
import type { Fraction } from "../../shared/rater/fraction.ts";

/** A grant of credit as it was given; instants are microseconds. */
export interface CreditGrant {
  readonly id: string;
  readonly client: string;
  readonly kind: string;
  readonly currency: string;
  readonly amount: bigint;
  readonly priority: number;
  readonly granted: bigint;
  readonly from: bigint;
  /** Null: it never expires. */
  readonly until: bigint | null;
  readonly metrics: readonly string[] | null;
  readonly models: readonly string[] | null;
  readonly agents: readonly string[] | null;
  /** The grant whose rest it is. */
  readonly continues: string | null;
  /** The invoice of a top-up that has paid for it. */
  readonly bought: string | null;
  /** What that invoice charged and the percent of each tax that it contains; null: it has none. */
  readonly taxed: { readonly total: bigint; readonly rates: readonly Fraction[] } | null;
}

export interface ChargedLine {
  readonly id: string;
  readonly amount: bigint;
  readonly metric: string | null;
  readonly model: string | null;
  readonly agent: string | null;
}

/** An invoice as it was issued, with its charges in their order. */
export interface IssuedInvoice {
  readonly id: string;
  readonly client: string;
  readonly currency: string;
  readonly total: bigint;
  /** The first day of its period; null where it is of no period. */
  readonly period: Day | null;
  readonly lines: readonly ChargedLine[];
}

/** A line before tax that an invoice charges for a section or, negative, a credit note takes back. */
export interface SectionLine {
  readonly invoice: string;
  /** Null of a credit note. */
  readonly id: string | null;
  readonly kind: string;
  readonly metric: string | null;
  readonly model: string | null;
  readonly agent: string | null;
  readonly amount: bigint;
  /** Of promotional credit: the grant. */
  readonly grant: string | null;
}

/** What is booked at once for the period of a client that begins on a day. */
export interface ChargedSection {
  readonly start: Day;
  readonly currency: string;
  /** Taxes: percent that come on top, percent that amounts contain. */
  readonly taxes: readonly {
    readonly rate: Fraction;
    readonly contained: Fraction;
    readonly appliesTo: readonly string[] | null;
  }[];
  /** Credit notes leave nothing to credit on any invoice of it: it may be owed more. */
  readonly isShort: boolean;
  readonly lines: readonly SectionLine[];
}

export interface ChargedSections {
  readonly do: "sections";
  readonly at: bigint;
  readonly client: string;
  readonly sections: readonly ChargedSection[];
}

/** What decides credit, in the order in which it happened. */
export type CreditEvent =
  | ChargedSections
  | { readonly do: "grant"; readonly at: bigint; readonly grant: CreditGrant }
  | { readonly do: "invoice"; readonly at: bigint; readonly invoice: IssuedInvoice }
  | {
    readonly do: "credit";
    readonly at: bigint;
    readonly invoice: string;
    readonly amount: bigint;
    /** What of it was taken off what is due. */
    readonly offDue: bigint;
  }
  | { readonly do: "void"; readonly at: bigint; readonly invoice: string }
  | {
    readonly do: "dispute";
    readonly at: bigint;
    readonly invoice: string;
    readonly amount: bigint;
  };

export interface Move {
  readonly amount: bigint;
  readonly at: bigint;
}

export interface CreditEntry extends Move {
  readonly grant: string;
  /** The tax of the purchase that moves with it. */
  readonly tax: bigint;
  readonly kind: string;
  readonly line: string | null;
}

export interface CreditCalendar {
  /** On which of a client's days an instant falls. */
  readonly dayOf: (client: string, at: bigint) => Day;
  /** The first day of the client's period that a day is in. */
  readonly periodOf: (client: string, day: Day) => Day;
}
