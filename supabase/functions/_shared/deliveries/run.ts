import type { SupabaseClient } from "@supabase/supabase-js";
import type { Sql } from "postgres";
import { stripeHandler } from "../stripe/delivery.ts";
import { stripePorts } from "../stripe/open.ts";
import { bucketStore, INVOICE_BUCKET } from "../storage.ts";
import { documentLoader, pdfRenderer } from "./documents.ts";
import type { DeliveryEnvironment } from "./environment.ts";
import { databaseQueue } from "./queue.ts";
import { deliveryHandlers } from "./registry.ts";
import { work, type WorkerSummary } from "./worker.ts";

/** One request's worth of deliveries, with everything real. */
export async function workOnce(
  { pool, environment, client, reportError }: {
    readonly pool: Sql;
    readonly environment: DeliveryEnvironment;
    readonly client: Pick<SupabaseClient, "storage">;
    readonly reportError: (error: unknown) => void;
  },
): Promise<WorkerSummary> {
  const renderer = pdfRenderer(() => performance.now());
  const { handlers, close } = deliveryHandlers({
    environment,
    loadDocument: documentLoader(pool),
    renderer,
    files: bucketStore(client, INVOICE_BUCKET),
    stripe: stripeHandler(stripePorts(environment, pool)),
  });
  try {
    return await work({
      queue: databaseQueue(pool),
      handlers,
      now: () => performance.now(),
      cpu: renderer.spent,
      reportError,
    });
  } finally {
    close();
  }
}
