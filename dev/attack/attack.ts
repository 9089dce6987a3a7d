import type fc from "fast-check";
import type { CallerName } from "./callers.ts";

/** One hostile request. */
export interface Attack {
  /** What it tries, for the counts. */
  readonly concern: string;
  readonly caller: CallerName;
  readonly method: string;
  /** From the API's address: `/functions/v1/…` or `/rest/v1/…`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

/** What attackers know of the world: ids of rows of each kind, and odd credentials. */
export interface Knowledge {
  readonly document: unknown;
  /** Ids that staff's requests name: none of the victim's, because staff may change it. */
  readonly ids: readonly string[];
  /** Ids of the victim's rows as well. */
  readonly allIds: readonly string[];
  /** The victim's names and ids. */
  readonly victim: readonly string[];
  /** Tokens and keys that open nothing. */
  readonly forged: readonly string[];
  /**
   * Those that the project has signed, and that functions refuse: the Data API, which looks at
   * signature, expiry and role alone, is not asked.
   */
  readonly oddlySigned: readonly string[];
  /** The webhook's address takes what this signs. */
  readonly staleSignature: (body: string) => string;
  /** Paths in the bucket of invoices: the attackers' own file, and the victim's. */
  readonly ownFile: string;
  readonly victimFile: string;
  /** A token of Storage that opens the attackers' own file. */
  readonly fileToken: string;
  /** Tokens of links to the victim's invoice that have been ended or have expired. */
  readonly endedLinks: readonly string[];
}

/** Requests of one concern, for ever. */
export type Attacks = (knowledge: Knowledge) => fc.Arbitrary<Attack>;
