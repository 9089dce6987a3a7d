/** One client's books with and without other clients' history in the database. */
import type { Sql } from "postgres";
import { z } from "zod";
import { insert } from "../cases/insert.ts";
import { type Clients, openBooks } from "../cases/play.ts";
import { client } from "../cases/world.ts";
import { UNMAPPED } from "./calls.ts";
import { playAndCommit, playWorldStep, type WorldStep } from "./steps.ts";
import { invoicesOf, type State } from "./state.ts";

/** The day on which worlds begin. */
export const FIRST_DAY = "2026-06-02";

const lines = z.array(z.object({ line: z.string() }));

/** Invoices without their numbers, credit notes, periods, credit and balance of a client. */
export async function booksOf(sql: Sql, id: string): Promise<string[]> {
  return lines.parse(
    await sql`
      select concat_ws(' ', 'invoice', i.kind, i.period_start, i.status, i.currency, i.total_minor,
        'due', i.amount_due_minor, 'issued', i.issued_on, (select string_agg(concat_ws(' ', l.kind,
          l.section_start, l.model, l.metric, l.agent, l.quantity, l.amount_minor, l.tax_name,
          l.tax_base_minor), ', '
          -- Promotional lines stand in the order of the ids of their grants, given by chance.
          order by case when l.kind <> 'promotional_credit' then l.position end, l.amount_minor)
          from public.invoice_lines l where l.invoice_id = i.id)) as line
      from public.invoices i where i.client_id = ${id}
      union all
      select concat_ws(' ', 'credit note', n.reason, n.total_minor, n.to_invoice_minor,
        n.to_balance_minor, n.to_refund_minor, n.issued_at)
      from public.credit_notes n where n.client_id = ${id}
      union all
      select concat_ws(' ', 'period', p.period_start, p.period_end, p.state, p.reason)
      from public.billing_periods p where p.client_id = ${id}
      union all
      select concat_ws(' ', 'credit', g.kind, g.amount_minor, g.granted_at, e.kind, e.amount_minor,
        e.effective_at)
      from public.credit_entries e join public.credit_grants g on g.id = e.grant_id
      where g.client_id = ${id}
      union all
      select concat_ws(' ', 'balance', b.currency, sum(b.amount_minor))
      from public.balance_entries b where b.client_id = ${id} group by b.currency
      order by 1`,
  ).map(({ line }) => line);
}

/**
 * Opens the books of a world. Random prices are no reason to hold a draft here: 50_invoicing/holds
 * tests that.
 */
export async function openWorld(sql: Sql): Promise<void> {
  await openBooks(sql);
  // The day a world begins on: before its first run, ends and returns are of that day as well.
  await sql`select set_config('billing.as_of', ${FIRST_DAY}, true)`;
  await sql`delete from public.hold_limits`;
  // How long a statement may take is for other tests, on a machine that does nothing else.
  await sql`select set_config('statement_timeout', '0', true)`;
  // Corrections come in after all calls of the world: by the clock some calls are still to come.
  await sql`
    alter table public.agent_usage_logs alter created_at set default '2027-01-01 00:00+00'`;
  await insert(sql, "models", { id: UNMAPPED, family: "claude-sonnet" });
}

/** Whose the agents of all others are while some clients are alone. */
const OTHERS = "others";

/** Plays what was lived again with some of the clients alone, and takes it back. */
export async function booksAlone(
  state: State,
  keys: ReadonlySet<string>,
): Promise<ReadonlyMap<string, string[]>> {
  const { sql } = state;
  const clients: Clients = new Map();
  const alone = { ...state, clients };
  await sql`savepoint alone`;
  await sql`rollback to savepoint world`;
  await openWorld(sql);
  await playWorldStep(sql, clients, client(OTHERS, {}, { started_on: "2026-01-01" }));
  for (const { owner, step } of state.lived) {
    const isTheirs = owner !== null && keys.has(owner);
    const owned = isTheirs ? await invoicesOf(alone, owner) : [];
    const numberOf = (place: number) => {
      const number = owned[place]?.number;
      if (number !== undefined) return number;
      const what = JSON.stringify(step(() => place + 1));
      throw new Error(`${owner} has ${owned.length} invoices before ${what}`);
    };
    const played = owner === null || isTheirs ? step(numberOf) : withoutOther(step(() => 0));
    if (played !== null) await playAndCommit(sql, clients, played);
  }
  const books = new Map<string, string[]>();
  for (const key of keys) books.set(key, await booksOf(sql, clients.get(key) ?? ""));
  return books;
}

/**
 * What another client's step means to these: they lose what the other one gets. An agent of others
 * is theirs: of nobody's agent the usage would be the default client's.
 */
function withoutOther(step: WorldStep): WorldStep | null {
  if (step.do === "assign") return { ...step, key: OTHERS };
  return step.do === "default_client" ? { ...step, key: null } : null;
}
