import type { Sql } from "postgres";
import { z } from "zod";
import { DeliveryJob } from "./types.ts";
import type { DeliveryQueue } from "./worker.ts";

/** A lease: longer than the slowest handler's timeouts together. Seconds. */
const LEASE_SECONDS = 120;

const finished = z.tuple([z.object({ state: z.string().nullable() })]);
const skipped = z.tuple([z.object({ count: z.int() })]);
const woken = z.tuple([z.object({ said: z.string() })]);

/** The queue in the database. Throws `PostgresError` when a statement fails. */
export function databaseQueue(sql: Sql): DeliveryQueue {
  return {
    claim: async (kind, howMany) =>
      z.array(DeliveryJob).parse([
        ...await sql`
          select id::text, kind, event, dedupe_key, client_id, invoice_id, credit_note_id, payload,
            lease, attempts
          from _billing.claim_deliveries(array[${kind}], ${howMany}, ${LEASE_SECONDS})`,
      ]),
    claimAlone: async (kinds) =>
      z.array(DeliveryJob).max(1).parse([
        ...await sql`
          select id::text, kind, event, dedupe_key, client_id, invoice_id, credit_note_id, payload,
            lease, attempts
          from _billing.claim_delivery_alone(${[...kinds]}, ${LEASE_SECONDS})`,
      ])[0] ?? null,
    finish: async (job, outcome) => {
      const [{ state }] = finished.parse([
        ...await sql`
          select _billing.finish_delivery(${job.id}::bigint, ${job.lease}::uuid,
            ${JSON.stringify(outcome)}::text::jsonb) as state`,
      ]);
      return state;
    },
    skip: async (kind, reason) => {
      const [{ count }] = skipped.parse([
        ...await sql`select _billing.skip_deliveries(${kind}, ${reason}) as count`,
      ]);
      return count;
    },
    wake: async () => {
      const [{ said }] = woken.parse([...await sql`select billing.wake_deliver() as said`]);
      return said;
    },
  };
}
