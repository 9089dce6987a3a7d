/** How a client's log rows say whose they are. */
export type Claim =
  /** They do not: the agent is assigned to the client. */
  | "assignment"
  /** The client_id column. */
  | "column"
  /** metadata.client_id, our id. */
  | "metadata_id"
  /** metadata.client_id, the id that other systems use. */
  | "metadata_external_id";

/** What a client's agents do in a month. */
export interface Workload {
  readonly calls: number;
  /** A model named twice is used twice as often. */
  readonly models: readonly [string, ...string[]];
  /** Of 100 calls, how many search the web. */
  readonly searching?: number;
  /** Of 100 calls, how many process documents: `pdf_processing`, `image_processing`. */
  readonly documents?: number;
  /** Of 100 calls, how many read or write the provider's cache. */
  readonly caching?: number;
  /** Of 100 calls, how many report reasoning tokens. */
  readonly reasoning?: number;
  /** Of 100 calls, how many are run as a batch. */
  readonly batch?: number;
}

/** Calls of one model that add up to what anyone can check by hand. */
export interface ExactUsage {
  readonly model: string;
  readonly calls: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly searches: number;
}

/** Columns of public.prices; major units of `currency`. */
export interface DemoPrice {
  readonly model?: string;
  readonly family?: string;
  readonly metric: string;
  readonly rate_class?: string;
  readonly currency?: string;
  readonly pricing_model?: "per_unit" | "package" | "graduated" | "volume";
  readonly unit_amount?: string;
  readonly per_units?: string;
  readonly tiers?: readonly {
    readonly up_to?: string;
    readonly unit_amount: string;
    readonly flat_amount?: string;
  }[];
  readonly free_units?: string;
  readonly class_multipliers?: Readonly<Record<string, string>>;
  readonly effective_from?: string;
  readonly effective_until?: string;
}

/** Columns of public.billing_config that differ from the default. */
export interface DemoConfig {
  readonly currency?: string;
  readonly minimum_minor?: number;
  readonly discount_percent?: string;
  readonly discount_minor?: number;
  readonly discount_until?: string;
  readonly payment_terms_days?: number;
  readonly line_grouping?: "model" | "agent";
  readonly taxes?: readonly {
    readonly name: string;
    readonly rate_percent: string;
    readonly behavior: "exclusive" | "inclusive" | "reverse_charge";
    readonly note?: string;
    readonly applies_to?: readonly string[];
  }[];
}

/** A fictitious client and its June 2026. */
export interface DemoClient {
  readonly name: string;
  readonly externalId: string;
  readonly email: string;
  readonly address: readonly string[];
  readonly taxId?: string;
  readonly locale: string;
  readonly paper?: "A4" | "Letter";
  readonly timeZone: string;
  /** Minutes east of UTC that the zone is all through June 2026. */
  readonly juneOffset: number;
  /** Date of June on which service began; 1 unless given. */
  readonly firstDate?: number;
  /** Last date of June with service; 30, and no end, unless given. */
  readonly lastDate?: number;
  readonly config?: DemoConfig;
  readonly prices?: readonly DemoPrice[];
  /** Upper case; an agent works for one client at a time. */
  readonly agents: readonly string[];
  readonly claim: Claim;
  readonly usage?: Workload | readonly ExactUsage[];
}
