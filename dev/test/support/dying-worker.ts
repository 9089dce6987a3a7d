import { createClient } from "@supabase/supabase-js";
import { openDatabase } from "../../../supabase/functions/_shared/postgres/pool.ts";
import type { FileStore } from "../../../supabase/functions/_shared/outbound/storage.ts";
import {
  documentLoader,
  mailClaim,
  pdfRenderer,
} from "../../../supabase/functions/deliver/documents.ts";
import { invitationLoader } from "../../../supabase/functions/deliver/invitations.ts";
import { DeliveryEnvironment } from "../../../supabase/functions/deliver/environment.ts";
import { byKind } from "../../../supabase/functions/deliver/kinds/all.ts";
import { logExporter } from "../../../supabase/functions/deliver/kinds/log-export.ts";
import { logTables } from "../../../supabase/functions/deliver/log-tables.ts";
import { databaseQueue } from "../../../supabase/functions/deliver/queue.ts";
import { deliveryHandlers } from "../../../supabase/functions/deliver/registry.ts";
import type { DeliveryHandlers, DeliveryJob } from "../../../supabase/functions/deliver/types.ts";
import { work } from "../../../supabase/functions/deliver/worker.ts";
import { freshPayLinks, stripeHandler } from "../../../supabase/functions/deliver/kinds/stripe.ts";
import { stripePorts } from "../../../supabase/functions/_shared/stripe/open.ts";
import {
  bucketStore,
  INVOICE_BUCKET,
  LOG_BUCKET,
} from "../../../supabase/functions/_shared/outbound/storage.ts";

// One request of the worker, everything real, that kills itself with SIGKILL where
// DIE_AT says: `<kind>:claimed`, `<kind>:rendered`, `archive:stored` and `log_export:stored` (the
// file is there, no row says so), `stripe:customer` and `stripe:created` (Stripe has a customer or a
// draft, we have not noted its id), `<kind>:handled` (the receiver has it, we have not written it
// down) or `<kind>:finished`.

const [kind, step] = (Deno.env.get("DIE_AT") ?? "").split(":");
const environment = DeliveryEnvironment.parse(Deno.env.toObject());
const sql = openDatabase(environment.SUPABASE_DB_URL);
const client = createClient(Deno.env.get("SUPABASE_URL") ?? "", Deno.env.get("SECRET_KEY") ?? "");
const renderer = pdfRenderer(() => performance.now());
const files = mortalStore(bucketStore(client, INVOICE_BUCKET));
const queue = databaseQueue(sql);
const stripe = stripePorts(environment, sql);
const { handlers } = deliveryHandlers({
  environment,
  loadDocument: documentLoader(sql),
  loadInvitation: invitationLoader(sql),
  claimMail: mailClaim(sql),
  freshPayLink: freshPayLinks(stripe),
  stripe: stripeHandler(
    stripe && {
      ...stripe,
      store: {
        ...stripe.store,
        saveCustomer: (...customer) => {
          dieAt("customer");
          return stripe.store.saveCustomer(...customer);
        },
        saveDraft: (...draft) => {
          dieAt("created");
          return stripe.store.saveDraft(...draft);
        },
      },
    },
  ),
  renderer: {
    ...renderer,
    render: async (subject) => {
      const file = await renderer.render(subject);
      dieAt("rendered");
      return file;
    },
  },
  files,
  exporter: logExporter({
    files: mortalStore(bucketStore(client, LOG_BUCKET)),
    logs: logTables(sql),
    now: () => performance.now(),
  }),
  syncer: { sync: () => Promise.reject(new Error("no list prices here")) },
});
await work({
  queue: {
    ...queue,
    // Only the kind whose turn it is.
    claim: (wanted, howMany) =>
      wanted === kind ? queue.claim(wanted, howMany) : Promise.resolve([]),
    finish: async (job, outcome) => {
      const state = await queue.finish(job, outcome);
      dieAt("finished");
      return state;
    },
  },
  handlers: mortal(handlers),
  now: () => performance.now(),
  cpu: () => 0,
  reportError: (error) => console.error(error),
});
throw new Error(`nothing reached ${kind}:${step}`);

/** As they are, but for the deaths before and after. */
function mortal(all: DeliveryHandlers): DeliveryHandlers {
  const mortalOne = (handler: DeliveryHandlers[keyof DeliveryHandlers]) =>
    "off" in handler ? handler : async (job: DeliveryJob) => {
      dieAt("claimed");
      const outcome = await handler(job);
      dieAt("handled");
      return outcome;
    };
  return byKind((_, kind) => mortalOne(all[kind]));
}

function mortalStore(files: FileStore): FileStore {
  return {
    ...files,
    create: async (...file) => {
      const created = await files.create(...file);
      dieAt("stored");
      return created;
    },
  };
}

function dieAt(reached: string): void {
  if (reached === step) Deno.kill(Deno.pid, "SIGKILL");
}
