/**
 * What happened in a dance, in order: moves, events as they were made and as they were acted on, and
 * what changed in the books meanwhile. A broken law is explained by the history of its clients.
 */
import type { Sql } from "postgres";
import type { Event } from "../../standins/stripe/objects.ts";
import type { StripeStandIn } from "../../standins/stripe/server.ts";

interface Line {
  readonly text: string;
  readonly ids: ReadonlySet<string>;
}

export interface History {
  /** Notes what a move did, with what Stripe and the books changed since the last note. */
  readonly note: (text: string) => Promise<void>;
  /** Of the clients that these texts name by an id, a number or a name. */
  readonly of: (broken: readonly string[]) => Promise<string[]>;
}

/** What names a thing: an id of Stripe's, one of ours, a number, a client's name. */
const ID = /\b[a-z]+_standin\d+|\b(?:INV|CN)-\d+-\d+|[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/g;
const NAME = /\bClient \d+\b|\b(?:Ada|Bo|Cyd)\b/g;
const idsIn = (text: string) => new Set([...text.match(ID) ?? [], ...text.match(NAME) ?? []]);

export async function startHistory(sql: Sql, stripe: StripeStandIn): Promise<History> {
  await sql.unsafe(CHANGES);
  const lines: Line[] = [];
  const add = (text: string, ids = idsIn(text)) => void lines.push({ text, ids });
  let place = 0;
  let newest = "";
  const collect = async () => {
    for (const event of stripe.webhooks.held) {
      if (event.id <= newest) continue;
      add(`    Stripe: ${textOf(event)}`, idsIn(JSON.stringify(event.data)));
      newest = event.id;
    }
    const changes = await sql<{ place: number; client: string | null; entry: string }[]>`
      select place::int, client_id as client, entry from dance.changes
      where changes.place > ${place} order by changes.place`;
    for (const { entry, client } of changes) {
      add(`    here: ${entry}`, client === null ? undefined : new Set([client]));
    }
    place = changes.at(-1)?.place ?? place;
  };
  return {
    note: async (text) => {
      await collect();
      add(text);
    },
    of: async (broken) => {
      await collect();
      const named = idsIn(broken.join("\n"));
      const all = (await idsOfClients(sql, stripe)).filter((own) => !own.isDisjointFrom(named));
      return all.flatMap((own) => [
        `history of ${[...own][0]}:`,
        ...lines.filter(({ ids }) => !ids.isDisjointFrom(own)).map(({ text }) => text),
      ]);
    },
  };
}

/** By client: its name first, then all that is its own on either side. */
async function idsOfClients(sql: Sql, { state }: StripeStandIn): Promise<Set<string>[]> {
  const clients = await sql<{ id: string; name: string }[]>`
    select id, name from public.clients order by created_at, name`;
  const numbers = Map.groupBy(
    await sql<{ client: string; name: string }[]>`
      select client_id as client, number as name from public.invoices where number is not null
      union all select client_id, id::text from public.invoices
      union all select client_id, number from public.credit_notes`,
    ({ client }) => client,
  );
  return clients.map(({ id, name }) => {
    const own = new Set([name, id, ...(numbers.get(id) ?? []).map((one) => one.name)]);
    const customers = [...state.customers.values()]
      .filter(({ metadata }) => metadata.leveredge_client_id === id);
    for (const customer of customers) own.add(customer.id);
    for (const invoice of state.invoices.values()) {
      if (own.has(invoice.customer)) own.add(invoice.id);
    }
    for (const payment of state.payments.values()) {
      if (!own.has(payment.invoice)) continue;
      for (const one of [payment.id, payment.payment_intent, payment.charge]) own.add(one ?? name);
    }
    for (const note of state.creditNotes.values()) if (own.has(note.invoice)) own.add(note.id);
    for (const one of [...state.refunds.values(), ...state.disputes.values()]) {
      if (own.has(one.payment_intent ?? "")) own.add(one.id);
    }
    for (const { id: moved, customer } of state.balanceTransactions) {
      if (own.has(customer)) own.add(moved);
    }
    return own;
  });
}

/** What is told of an object beside its type and id. */
const SAID = [
  "status",
  "total",
  "amount",
  "amount_paid",
  "amount_remaining",
  "amount_overpaid",
  "amount_refunded",
  "balance",
  "invoice",
  "customer",
  "payment_intent",
  "latest_revision",
  "refunds",
  "metadata",
];

function textOf({ id, type, data: { object } }: Event): string {
  const entries = typeof object === "object" && object !== null ? Object.entries(object) : [];
  const of = entries.find(([name]) => name === "id")?.[1];
  const said = entries.filter(([name, value]) => SAID.includes(name) && value !== null)
    .map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`);
  return `${id} ${type} of ${of}: ${said.join(", ")}`;
}

/** In a copy of the database: what is written to the books, in order. */
const CHANGES = `
create schema dance;
create table dance.changes (
  place bigint generated always as identity primary key,
  client_id uuid,
  entry text not null
);
create function dance.note_change() returns trigger language plpgsql security definer as $$
declare
  change constant jsonb := to_jsonb(new);
  number constant text := (select i.number from public.invoices i
    where i.id::text = coalesce(change ->> 'invoice_id', change ->> 'id'));
begin
  insert into dance.changes (client_id, entry) values (
    (change ->> 'client_id')::uuid,
    case tg_table_name
      when 'payments' then format('%s of %s %s for %s (%s)', change ->> 'kind',
        change ->> 'amount_minor', change ->> 'method', number, change ->> 'reference')
      when 'balance_entries' then format('balance %s by %s, %s (%s)', change ->> 'amount_minor',
        change ->> 'reason', number, change ->> 'note')
      when 'credit_notes' then format('%s%s of %s for %s: due %s, balance %s, refund %s (%s)',
        change ->> 'number', case when change ->> 'voided_at' is not null then ' void' end,
        change ->> 'total_minor', number, change ->> 'to_invoice_minor',
        change ->> 'to_balance_minor', change ->> 'to_refund_minor', change ->> 'reason')
      when 'invoices' then format('%s is %s, %s due, %s paid, %s credited', change ->> 'number',
        change ->> 'status', change ->> 'amount_due_minor', change ->> 'paid_minor',
        change ->> 'credited_minor')
      when 'stripe_events' then format('%s %s of %s is %s: %s', change ->> 'id', change ->> 'type',
        change #>> '{payload,data,object,id}', change ->> 'state', change ->> 'note')
      else format('told: %s', change #>> '{payload,message}') end);
  return null;
end $$;
create trigger note_change after insert on public.payments
  for each row execute function dance.note_change();
create trigger note_change after insert on public.balance_entries
  for each row execute function dance.note_change();
create trigger note_change after insert or update of voided_at on public.credit_notes
  for each row execute function dance.note_change();
create trigger note_change after update of status, amount_due_minor on public.invoices
  for each row when (new.number is not null) execute function dance.note_change();
create trigger note_change after update of note on billing.stripe_events
  for each row when (new.note is distinct from old.note) execute function dance.note_change();
create trigger note_change after insert on public.deliveries
  for each row when (new.dedupe_key like 'stripe:%') execute function dance.note_change();
create function dance.wait() returns trigger language plpgsql as $$
begin
  new.due_at := 'infinity';
  return new;
end $$;
create trigger wait before update on billing.stripe_events
  for each row when (new.state = 'pending' and new.due_at > clock_timestamp())
  execute function dance.wait();
`;
