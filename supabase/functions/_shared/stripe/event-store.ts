import type { Sql } from "postgres";
import type Stripe from "stripe";
import { z } from "zod";
import { batchQueue } from "../postgres/batch-queue.ts";
import { jsonOf, text } from "./json-answers.ts";
import { minor, ObjectToFetch } from "./rows.ts";

const counts = z.array(z.object({ done: z.int() }));

/** Events acted on by one call, each in a transaction of its own. */
const BATCH = 25;

/** Events, and the objects that they bring. */
export function eventStore(sql: Sql) {
  return {
    applyCreditNote: async (note: Stripe.CreditNote, seen: Date) =>
      await jsonOf(sql`
        select billing.apply_stripe_credit_note(${text(note)}::text::jsonb, ${seen}) as json`),
    /** What came of it; null where its customer is none of ours. */
    applySubscription: async (subscription: Stripe.Subscription, seen: Date) =>
      await jsonOf(sql`
        select case when billing.owner_of_subscription(s) is not null
          then billing.apply_stripe_subscription(s, ${seen}) end as json
        from (select ${text(subscription)}::text::jsonb) x(s)`),
    forgetCustomer: async (customer: string, seen: Date) =>
      void await sql`select billing.forget_stripe_customer(${customer}, ${seen})`,
    receiveEvents: async (events: readonly Stripe.Event[]) =>
      minor.parse(
        await jsonOf(sql`
          select count(*) filter (where billing.receive_stripe_event(e)) as json
          from jsonb_array_elements(${text(events)}::text::jsonb) e`),
      ),
    /** True when the event, a JSON text, is new. Those that come together are stored together. */
    receiveEvent: batchQueue(async (payloads: readonly string[]) =>
      z.array(z.object({ is_new: z.boolean() })).parse([
        ...await sql`
          select billing.receive_stripe_event(e.event) as is_new
          from jsonb_array_elements(${`[${payloads.join()}]`}::text::jsonb) with ordinality
            e(event, place) order by e.place`,
      ]).map(({ is_new }) => is_new)
    ),
    objectsToFetch: async (limit: number) =>
      z.array(ObjectToFetch).parse([
        ...await sql`select * from _billing.stripe_events_to_fetch(${limit})`,
      ]),
    /** Null: the object is none that anything is done about. */
    saveFetched: async (events: readonly string[], object: unknown, at: Date) =>
      void await sql`
        select _billing.save_fetched_object(${sql.array([...events])}::text[],
          ${object === null ? null : text(object)}::text::jsonb, ${at})`,
    saveFetchProblem: async (events: readonly string[], error: string, gone: boolean) =>
      void await sql`
        select _billing.save_fetch_problem(${sql.array([...events])}::text[], ${error}, ${gone})`,
    /**
     * Until nothing is due, or so many batches are done: then true. Each event is committed by
     * itself, because it holds the books of its client.
     */
    processEvents: async (batches = Infinity) => {
      let done = BATCH;
      for (let batch = 0; done === BATCH && batch < batches; batch++) {
        const [acted] = counts.parse([
          ...await sql`call _billing.act_on_stripe_events(${BATCH}, 0)`,
        ]);
        done = acted?.done ?? 0;
      }
      return done === BATCH;
    },
  };
}
