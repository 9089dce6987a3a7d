import { env } from "node:process";
import { z } from "zod";
import type { Actor } from "../../../../shared/api/route.ts";

/** Callers that are known: an actor of the API, or Stripe by its signature. */
export type CallerClass = Exclude<Actor, "anon"> | "stripe";

/** What one caller may have of a function; `perMinute` is null where only `atOnce` bounds it. */
export interface CallerLimits {
  /** Units of work at once: a request is one, each megabyte of its body one more. */
  readonly atOnce: number;
  /** Requests that wait for a unit. */
  readonly waiting: number;
  /** Bodies that are being received. */
  readonly receiving: number;
  readonly perMinute: number | null;
}

/**
 * A function's whole capacity. It has four connections to the database: four requests use them while
 * others are received and answered. Processing the largest batch that ingest-usage takes costs some
 * 50 MB, so a large body counts as several requests.
 */
export const CAPACITY = { room: 16, waiting: 200, withinMs: 3000 };

/** Bodies that are received at once, of all callers: most are a few kilobytes. */
export const RECEIVING = 1000;

/** Bytes of bodies that are held at once, from their arrival until their request is answered. */
export const HELD_BYTES = 48_000_000;

/** Of these one caller holds at most a half. */
export const HELD_BYTES_EACH = HELD_BYTES / 2;

/** Milliseconds that a body may take to arrive whole. */
export const BODY_WITHIN_MS = 15_000;

/** Bytes of a body that count as one more request. */
export const BYTES_EACH = 1_000_000;

/** As many preflights of browsers as refusals count; they are answered without any work. */
export const PREFLIGHTS_PER_ANSWER = 10;

/** All addresses together, for callers that make up addresses. */
export const ADDRESSES_AT_ONCE = 20;

/** The limits of each class of callers. A member is one user, a key one name of a secret key. */
export const CALLER_LIMITS: Readonly<Record<CallerClass | "address", CallerLimits>> = {
  member: {
    atOnce: 2,
    waiting: 32,
    receiving: 16,
    perMinute: perMinute("MEMBER_REQUESTS_PER_MINUTE", 600),
  },
  operator: {
    atOnce: 4,
    waiting: 64,
    receiving: 32,
    perMinute: perMinute("OPERATOR_REQUESTS_PER_MINUTE", 3000),
  },
  // Every agent of an installation may share one key.
  agent: { atOnce: 12, waiting: 200, receiving: 400, perMinute: null },
  service: { atOnce: 16, waiting: 200, receiving: 400, perMinute: null },
  cron: { atOnce: 16, waiting: 200, receiving: 100, perMinute: null },
  stripe: { atOnce: 12, waiting: 200, receiving: 400, perMinute: null },
  // Webhooks are received before their signature can be checked.
  address: {
    atOnce: 2,
    waiting: 32,
    receiving: 100,
    perMinute: perMinute("UNAUTHENTICATED_REQUESTS_PER_MINUTE", 60),
  },
};

/** A variable's number; `otherwise` where it is not set or is none. */
function perMinute(variable: string, otherwise: number): number {
  return z.coerce.number().min(1).catch(otherwise).parse(env[variable] ?? otherwise);
}
