import type { z } from "zod";
import * as routes from "../../../shared/api/usage.ts";
import { problem } from "../../../shared/errors.ts";
import { endpoint } from "../_shared/api/endpoint.ts";
import type { Session } from "../_shared/api/session.ts";
import { ProblemError } from "../_shared/http/problem.ts";
import { takenBack } from "./api/dry-run.ts";
import { found } from "./api/rows.ts";
import { readClient } from "./clients.ts";

type Body = z.output<typeof routes.correctCall.body>;

/** What the period of a call comes to. */
interface Charges {
  readonly start: string;
  readonly end: string;
  readonly is_invoiced: boolean;
  readonly currency: string;
  readonly minor: number;
}

/** A call is stated anew or taken back. */
export const correctionEndpoints = [
  endpoint(routes.correctCall, async (session, { params: { client_id, call_id }, body }) => {
    await session.sql`select billing.require_second_factor()`;
    await readClient(session, client_id);
    const day = await dayOf(session, client_id, call_id);
    const act = (inside: Session) => correct(inside, client_id, call_id, day, body);
    return body.dry_run ? await takenBack(session, act) : await act(session);
  }),
];

/** The client-local day of a call; throws `not_found` where the client has no such call. */
async function dayOf({ sql }: Session, clientId: string, callId: string): Promise<string> {
  const [row] = await sql<{ day: string }[]>`
    select a.usage_day::text as day from billing.attributed_logs a
    where a.id = ${callId}::text::uuid and a.client_id = ${clientId}::text::uuid`;
  if (row === undefined) {
    throw new ProblemError(problem("not_found", "the client has no call of that id"));
  }
  return row.day;
}

async function correct(
  session: Session,
  clientId: string,
  callId: string,
  day: string,
  body: Body,
): Promise<object> {
  const { sql } = session;
  await sql`select billing.count_usage()`;
  const before = await chargesOf(session, clientId, day);
  const rows = body.action === "retract"
    ? await sql<{ log_id: string | null }[]>`
      select billing.retract_log(${callId}::text::uuid, ${body.reason}) as log_id`
    : await sql<{ log_id: string | null }[]>`
      select billing.correct_log(${callId}::text::uuid,
        ${JSON.stringify(body.counts)}::text::jsonb, ${body.reason}) as log_id`;
  await sql`select billing.count_usage()`;
  const after = await chargesOf(session, clientId, day);
  return {
    log_id: found(rows).log_id,
    effect: after === null ? null : {
      period: { start: after.start, end: after.end },
      is_invoiced: after.is_invoiced,
      currency: after.currency,
      before_minor: before?.minor ?? 0,
      after_minor: after.minor,
    },
  };
}

async function chargesOf({ sql }: Session, clientId: string, day: string) {
  const [row] = await sql<Charges[]>`
    select period_start::text as start, period_end::text as end, is_invoiced, currency,
      minor::float8 as minor
    from billing.charges_of_day(${clientId}::text::uuid, ${day}::text::date)`;
  return row ?? null;
}
