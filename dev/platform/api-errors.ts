import { z } from "zod";

/** A database error as PostgreSQL reports it. */
export const databaseErrorSchema = z.object({
  code: z.string().length(5),
  message: z.string(),
  detail: z.string().optional(),
  hint: z.string().optional(),
});
export type DatabaseError = z.infer<typeof databaseErrorSchema>;

/** What PostgREST answers: an HTTP status and this body. */
export interface PostgrestError {
  status: number;
  body: { code: string; message: string; details: string | null; hint: string | null };
}

/**
 * PostgREST's answer to a database error. `anonymous` tells 401 from 403 for a missing privilege.
 * Source: https://docs.postgrest.org/en/stable/references/errors.html#http-status-codes
 */
export function toPostgrestError(error: DatabaseError, anonymous: boolean): PostgrestError {
  return {
    status: statusOf(error.code, anonymous),
    body: {
      code: error.code,
      message: error.message,
      details: error.detail ?? null,
      hint: error.hint ?? null,
    },
  };
}

const exact: Record<string, number> = {
  "23503": 409,
  "23505": 409,
  "25006": 405,
  "42883": 404,
  "42P01": 404,
  "42P17": 500,
  "53400": 500,
  "57P01": 503,
  // No SQLSTATE: the driver's, of a connection that is gone.
  EPIPE: 503,
  P0001: 400,
  PGRST002: 503,
};
const byClass: Record<string, number> = {
  "08": 503,
  "09": 500,
  "0L": 403,
  "0P": 403,
  "25": 500,
  "28": 403,
  "2D": 500,
  "38": 500,
  "39": 500,
  "3B": 500,
  "40": 500,
  "53": 503,
  "54": 500,
  "55": 500,
  "57": 500,
  "58": 500,
  F0: 500,
  HV: 500,
  P0: 500,
  XX: 500,
};

function statusOf(code: string, anonymous: boolean): number {
  if (code === "42501") return anonymous ? 401 : 403;
  const own = /^PT([2-5]\d\d)$/.exec(code);
  if (own !== null) return Number(own[1]);
  return exact[code] ?? byClass[code.slice(0, 2)] ?? 400;
}
