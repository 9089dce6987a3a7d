import { strictEqual } from "node:assert/strict";
import { withDatabase } from "../support/june-database.ts";

const CLIENTS = 2000;

// All in step: sessions that waited for another's commit begin the next client at the same moment.
const NOTE_ALL = `do $$
  declare
    wanted record;
  begin
    for wanted in select id, 'cus_' || replace(id::text, '-', '') as customer
      from public.clients order by name
    loop
      perform _billing.save_stripe_customer(wanted.id, false, wanted.customer, 'digest');
      commit;
    end loop;
  end $$`;

Deno.test("workers that note the same customer at once are all content", () =>
  withDatabase(async ({ sql, connect }) => {
    await sql`
      insert into public.clients (name, started_on)
      select 'Client ' || n, '2026-06-01' from generate_series(1, ${CLIENTS}::int) n`;
    await Promise.all([sql, connect(), connect(), connect()].map((one) => one.unsafe(NOTE_ALL)));
    const [stored] = await sql`select count(*)::int as customers from public.stripe_customers`;
    strictEqual(stored?.customers, CLIENTS);
  }));
