/** Provider list prices as the catalogue holds them, whatever source they come from. */

/** USD for one unit of a metric at a rate class. */
export interface ListPrice {
  readonly metric: string;
  /** `standard`, or parts like `batch+long_context`; see docs/catalogue.md. */
  readonly rateClass: string;
  /** Input tokens of a call beyond which the class holds; null where it has no threshold. */
  readonly aboveTokens: string | null;
  /** Plain decimal above zero. */
  readonly amount: string;
  /** Where in the source it stands, and the number as it is written there. */
  readonly field: string;
  readonly written: string;
}

export interface ListedModel {
  readonly id: string;
  readonly provider: string;
  readonly mode: string | null;
  /** The id whose prices it has, where the source says so. */
  readonly aliasOf: string | null;
  /** `YYYY-MM-DD` */
  readonly deprecatedOn: string | null;
  readonly prices: readonly ListPrice[];
  /** Fields with prices that the catalogue has no words for. */
  readonly inexpressible: readonly string[];
}

export interface Catalogue {
  readonly models: readonly ListedModel[];
  /** Entries that are no models, with the reason. */
  readonly skipped: readonly { readonly id: string; readonly reason: string }[];
}

export class SourceUnreadable extends Error {}
