import type { z } from "zod";
import type { resolveQuarantine } from "../../../shared/api/operations.ts";
import type { Session } from "../_shared/api/session.ts";
import { DatabaseError } from "../_shared/postgres/database-error.ts";
import { takenBack } from "./api/dry-run.ts";
import { found, insertRow, openRange } from "./api/rows.ts";

type Cure = z.output<typeof resolveQuarantine.body>;

interface Done {
  readonly remaining: unknown;
  readonly dismissed?: number;
}

/** Charges of open periods; of those that a cure can touch. */
type Charges = readonly {
  readonly client_id: string;
  readonly client: string;
  readonly currency: string;
  readonly minor: number;
}[];

/** Does what releases usage from quarantine, or dismisses it. */
export async function cure(session: Session, body: Cure): Promise<Done> {
  const { sql } = session;
  const dismissed = await apply(session, body);
  await sql`select billing.count_usage()`;
  await countWhatIsLeft(session);
  const remaining = found(
    await sql<{ rows: unknown }[]>`
    select coalesce(jsonb_agg(to_jsonb(s)), '[]') as rows from billing.quarantine_summary() s`,
  ).rows;
  return dismissed === null ? { remaining } : { remaining, dismissed };
}

/**
 * Counts what is left within five seconds. Where that is too short (a flood), or another session
 * counts, the act stands, the answer is of the last count, and the job counts within five minutes.
 */
async function countWhatIsLeft({ sql }: Session): Promise<void> {
  try {
    await sql.savepoint(async (inside) => {
      await inside`
        select set_config('billing.statement_timeout', current_setting('statement_timeout'), true),
          set_config('statement_timeout', '5s', true)`;
      await inside`select billing.count_quarantine()`;
      await inside`
        select set_config('statement_timeout', current_setting('billing.statement_timeout'), true)`;
    });
  } catch (error) {
    const { data } = DatabaseError.safeParse(error);
    if (data?.code !== "57014") throw error;
  }
}

/** What a cure would do: it is done, rated and taken back. */
export async function tryCure(session: Session, body: Cure): Promise<object> {
  return await takenBack(session, async (inside) => {
    await inside.sql`select billing.count_usage()`;
    const before = await chargesOf(inside, body);
    const done = await cure(inside, body);
    return { ...done, effects: difference(before, await chargesOf(inside, body)) };
  });
}

async function apply(session: Session, body: Cure): Promise<number | null> {
  if (body.action === "dismiss") return await dismiss(session, body);
  if (body.action === "add_price") {
    await insertRow(session, "prices", openRange(body.price));
  } else if (body.action === "map_model") {
    await mapModel(session, body);
  } else {
    const { action: _, dry_run: __, ...assignment } = body;
    await insertRow(session, "agent_assignments", openRange(assignment));
  }
  return null;
}

/** All thresholds of long context are given, or none: then they are the catalogue's, or stay. */
async function mapModel(
  { sql }: Session,
  body: Extract<Cure, { action: "map_model" }>,
): Promise<void> {
  const { model, family, provider } = body;
  const first = body.long_context_above;
  const [second, third] = [body.long_context_2_above, body.long_context_3_above];
  const given = [first, second, third].some((above) => above !== undefined);
  await sql`
    insert into public.models as m (id, family, provider, long_context_above,
      long_context_2_above, long_context_3_above)
    select ${model}, ${family}, ${provider},
      case when ${given} then ${first ?? null}::text::bigint else l.first end,
      case when ${given} then ${second ?? null}::text::bigint else l.second end,
      case when ${given} then ${third ?? null}::text::bigint else l.third end
    from billing.listed_thresholds(${model}) l
    on conflict (id) do update set family = excluded.family, provider = excluded.provider,
      long_context_above = case when ${given}
        then excluded.long_context_above else m.long_context_above end,
      long_context_2_above = case when ${given}
        then excluded.long_context_2_above else m.long_context_2_above end,
      long_context_3_above = case when ${given}
        then excluded.long_context_3_above else m.long_context_3_above end`;
}

/** Counted usage without a price is dismissed by its keys, log rows that are not counted by theirs. */
async function dismiss(
  { sql }: Session,
  { why, reason, client_id, agent, model, metric }: Extract<Cure, { action: "dismiss" }>,
): Promise<number> {
  await sql`select billing.require_second_factor()`;
  const given = (value: string | undefined) => sql`${value ?? null}::text`;
  const isCounted = ["unpriced_usage", "unpriced_cost", "unknown_provider"].includes(reason);
  const rows = isCounted
    ? await sql<{ dismissed: string }[]>`
      select billing.dismiss_unpriced(${why}, ${given(client_id)}::uuid, ${given(agent)},
        ${given(model)}, ${given(metric)}) as dismissed`
    : await sql<{ dismissed: string }[]>`
      select billing.dismiss_quarantined(${why}, reason => ${reason}, agent => ${given(agent)},
        model => ${given(model)}) as dismissed`;
  return Number(found(rows).dismissed);
}

async function chargesOf({ sql }: Session, body: Cure): Promise<Charges> {
  const { client, model } = scopeOf(body);
  return await sql<Charges>`
    select o.client_id, c.name as client, o.currency, o.minor::float8 as minor
    from billing.open_charges(${model}::text, ${client}::text::uuid) o
    join public.clients c on c.id = o.client_id order by c.name, o.currency`;
}

/** Whose charges a cure can change: those of a client, or of a model. */
function scopeOf(body: Cure): { readonly client: string | null; readonly model: string | null } {
  if (body.action === "assign_agent") return { client: body.client_id, model: null };
  if (body.action === "map_model") return { client: null, model: body.model };
  if (body.action === "dismiss") {
    return { client: body.client_id ?? null, model: body.model ?? null };
  }
  return { client: body.price.client_id, model: body.price.model ?? null };
}

function difference(before: Charges, after: Charges): object[] {
  const keyOf = ({ client_id, currency }: Charges[number]) => `${client_id} ${currency}`;
  const old = new Map(before.map((one) => [keyOf(one), one.minor]));
  return after
    .map(({ minor, ...one }) => ({
      ...one,
      before_minor: old.get(keyOf({ ...one, minor })) ?? 0,
      after_minor: minor,
    }))
    .filter(({ before_minor, after_minor }) => before_minor !== after_minor);
}
