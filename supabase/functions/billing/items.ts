import type { z } from "zod";
import * as routes from "../../../shared/api/items.ts";
import { endpoint } from "../_shared/api/endpoint.ts";
import type { Session } from "../_shared/api/session.ts";
import { cursorKeys, pageOf, type PageRow } from "./api/page.ts";
import { found } from "./api/rows.ts";
import { readClient } from "./clients.ts";
import { readInvoice } from "./invoice-rows.ts";

type NewItem = z.output<typeof routes.NewItem>;

interface Charged {
  readonly item: unknown;
  readonly invoice: unknown;
}

/** One-off charges and allowances of clients. */
export const itemEndpoints = [
  endpoint(routes.listItems, async (session, { params: { client_id }, query }) => {
    await readClient(session, client_id);
    const { sql } = session;
    const after = cursorKeys(query.cursor, 2);
    const rows = await sql<PageRow[]>`
      select ${itemOf(sql)} as item, array[i.created_at::text, i.id::text] as keys
      from public.invoice_items i
      where i.client_id = ${client_id}::text::uuid
        and (${after?.[0] ?? null}::text is null or (i.created_at, i.id::text)
          < (${after?.[0] ?? null}::text::timestamptz, ${after?.[1] ?? null}::text))
      order by i.created_at desc, i.id::text desc limit ${query.limit + 1}`;
    return pageOf(rows, query.limit);
  }),
  endpoint(routes.addItem, async (session, { params: { client_id }, body }) => {
    await session.sql`select billing.require_second_factor()`;
    await readClient(session, client_id);
    return body.dry_run
      ? await tryCharge(session, client_id, body)
      : await charge(session, client_id, body);
  }),
];

async function charge(session: Session, clientId: string, body: NewItem): Promise<Charged> {
  const { sql } = session;
  const { id } = found(
    await sql<{ id: string }[]>`
      insert into public.invoice_items
        (client_id, description, quantity, unit_amount, currency, item_day)
      select c.id, ${body.description}, ${body.quantity}::text::numeric,
        ${body.unit_amount}::text::numeric, coalesce(${body.currency ?? null}::text, t.currency),
        coalesce(${body.item_day ?? null}::text::date, d.today)
      from public.clients c
      cross join lateral (select billing.day_of(c.id, billing.as_of()) as today) d
      cross join lateral billing.config_on(array[c.id], array[d.today]) t
      where c.id = ${clientId}::text::uuid
      returning id`,
  );
  let invoice: unknown = null;
  if (body.invoice_now) {
    const made = found(
      await sql<{ id: string }[]>`
        select billing.create_one_off_invoice(array[${id}::text::uuid], billing.as_of()) as id`,
    );
    invoice = await readInvoice(session, made.id);
  }
  const { item } = found(
    await sql<{ item: unknown }[]>`
      select ${itemOf(sql)} as item from public.invoice_items i where i.id = ${id}::text::uuid`,
  );
  return { item, invoice };
}

/** What a charge would be: it is made, rated and taken back. */
async function tryCharge(session: Session, clientId: string, body: NewItem): Promise<Charged> {
  try {
    await session.sql.savepoint(async (sql) => {
      throw new TakenBack(await charge({ ...session, sql }, clientId, body));
    });
  } catch (error) {
    if (error instanceof TakenBack) return error.charged;
    throw error;
  }
  throw new Error("a dry run has ended without being taken back");
}

class TakenBack extends Error {
  constructor(readonly charged: Charged) {
    super("taken back");
  }
}

function itemOf(sql: Session["sql"]) {
  return sql`jsonb_build_object('id', i.id, 'client_id', i.client_id,
    'description', i.description, 'quantity', trim_scale(i.quantity)::text,
    'unit_amount', trim_scale(i.unit_amount)::text, 'currency', i.currency,
    'item_day', i.item_day, 'state', case when i.section_start is null and i.invoice_id is null
      then 'pending' else 'taken' end,
    'invoice_id', i.invoice_id, 'created_at', i.created_at)`;
}
