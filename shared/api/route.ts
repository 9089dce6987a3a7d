import type { z } from "zod";

/**
 * Who may call: `operator` (a user whose app_metadata.role is operator), `member` (a signed-in user;
 * sees the rows of their clients), `service` (secret key `default`), `cron` and `agent` (secret keys
 * of those names), `anon` (everybody).
 */
export type Actor = "operator" | "member" | "service" | "cron" | "agent" | "anon";

/**
 * Key of a schema's metadata: the name of a schema of OpenAPI's components that describes the value.
 * It is for values that are checked one by one, after the request as a whole.
 */
export const COMPONENT = "x-component";

/** One operation of the HTTP API: what the server parses, the client types and OpenAPI tells. */
export interface Route<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
  Answer extends z.ZodType = z.ZodType,
> {
  /** Stable name, OpenAPI's operationId. */
  readonly id: string;
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Under `/functions/v1`; parameters as `{name}`. */
  readonly path: string;
  readonly summary: string;
  readonly access: readonly Actor[];
  readonly params: Params;
  readonly query: Query;
  /** `nothing` where no body is read. */
  readonly body: Body;
  readonly answer: Answer;
  /** Whether a POST changes nothing: reads by operators are on record. */
  readonly readsOnly?: boolean;
  /** Whether the answer of a GET may be some seconds old, so that a replica may give it. */
  readonly mayLag?: boolean;
  /**
   * Whether the answer opens something without credentials, so that no cache may keep it: nor do we,
   * so of a POST it is told once, and no Idempotency-Key is taken.
   */
  readonly opensByItself?: boolean;
  /** What the answer is written in, where that is not JSON; the answer is then a text. */
  readonly media?: "text/csv";
  /** Of success: 201 where something was made, 200 otherwise. */
  readonly status: 200 | 201;
}

/** Operators, and the service itself. */
export const STAFF = ["operator", "service"] as const satisfies readonly Actor[];

/** Staff, and members for what is theirs. */
export const READERS = ["operator", "service", "member"] as const satisfies readonly Actor[];
