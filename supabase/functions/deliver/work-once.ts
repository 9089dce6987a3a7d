import type { SupabaseClient } from "@supabase/supabase-js";
import type { Sql } from "postgres";
import { freshPayLinks, stripeHandler } from "./kinds/stripe.ts";
import { stripePorts } from "../_shared/stripe/open.ts";
import { bucketStore, INVOICE_BUCKET, LOG_BUCKET } from "../_shared/outbound/storage.ts";
import { fetchPriceSource } from "./outbound/price-source.ts";
import { documentLoader, mailClaim, pdfRenderer } from "./documents.ts";
import type { DeliveryEnvironment } from "./environment.ts";
import { invitationLoader } from "./invitations.ts";
import { logExporter } from "./kinds/log-export.ts";
import { priceSyncer } from "./kinds/price-sync.ts";
import { logTables } from "./log-tables.ts";
import { priceTables } from "./price-tables.ts";
import { databaseQueue } from "./queue.ts";
import { deliveryHandlers } from "./registry.ts";
import { LIMITS, work, type WorkerLimits, type WorkerSummary } from "./worker.ts";

/** One request's worth of deliveries, with everything real. */
export async function workOnce(
  { pool, environment, client, reportError, limits = LIMITS }: {
    readonly pool: Sql;
    readonly environment: DeliveryEnvironment;
    readonly client: Pick<SupabaseClient, "storage">;
    readonly reportError: (error: unknown) => void;
    readonly limits?: WorkerLimits;
  },
): Promise<WorkerSummary> {
  const now = () => performance.now();
  const renderer = pdfRenderer(now);
  const stripe = stripePorts(environment, pool);
  const exporter = logExporter({
    files: bucketStore(client, LOG_BUCKET),
    logs: logTables(pool),
    now,
  });
  const syncer = priceSyncer({
    tables: priceTables(pool),
    fetchText: fetchPriceSource,
    now,
    today: () => new Date(),
  });
  const { handlers, close } = deliveryHandlers({
    environment,
    loadDocument: documentLoader(pool),
    loadInvitation: invitationLoader(pool),
    renderer,
    claimMail: mailClaim(pool),
    files: bucketStore(client, INVOICE_BUCKET),
    exporter,
    syncer,
    freshPayLink: freshPayLinks(stripe),
    stripe: stripeHandler(stripe),
  });
  try {
    return await work({
      queue: databaseQueue(pool),
      handlers,
      now,
      cpu: () => renderer.spent() + exporter.spent() + syncer.spent(),
      reportError,
    }, limits);
  } finally {
    close();
  }
}
