import type { Sql } from "postgres";
import type { Random } from "../test/support/random.ts";
import type { Platform } from "../platform/platform.ts";
import type { HermesStandIn } from "../standins/hermes.ts";
import type { SmtpStandIn } from "../standins/smtp.ts";
import type { StripeStandIn } from "../standins/stripe/server.ts";
import type { Calendar } from "./calendar.ts";
import type { History } from "./history.ts";
import type { Ledger } from "./ledger.ts";
import type { LogRow } from "./log-rows.ts";
import type { IsQuiet } from "./phases.ts";
import type { ServiceBook } from "./service.ts";

/** What those need who work on the database alone. */
export interface Stage {
  /** Connections as the owner of the schema. */
  readonly sql: Sql;
  readonly calendar: Calendar;
  readonly ledger: Ledger;
  readonly history: History;
  /** Rows that were accepted lately: to be sent again, contradicted, corrected. */
  readonly recent: LogRow[];
  /** Writers pause while it is true. */
  readonly isQuiet: IsQuiet;
  /** Of the clients that leave and come back. */
  readonly service: ServiceBook;
}

/** And those who come from outside. */
export interface Outside {
  readonly platform: Platform;
  readonly hermes: HermesStandIn;
  readonly smtp: SmtpStandIn;
  readonly stripe: StripeStandIn;
  /** What functions told of errors; the last ones. */
  readonly functionErrors: readonly string[];
}

/** Somebody who does one thing after the other until all is over. */
export interface Actor {
  readonly name: string;
  /** Milliseconds between two acts, about. */
  readonly pauseMs: number;
  act(random: Random): Promise<unknown>;
}

/** What sessions are set to; a rollup rebuilds so many log rows at once. */
export function settings(rebuiltAtOnce: number) {
  return {
    "billing.rebuilt_at_once": `${rebuiltAtOnce}`,
    "_billing.assert_lock_order": "on",
  };
}
