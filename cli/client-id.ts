import { z } from "zod";
import { listClients } from "../shared/api/clients.ts";
import type { BillingClient } from "../shared/client/billing-client.ts";
import { dataOf } from "./connection.ts";

/** The id of a client that is named by its id or external id. Throws where there is none. */
export async function clientId(billing: BillingClient, name: string): Promise<string> {
  if (z.uuid().safeParse(name).success) return name;
  const { data: [client] } = await dataOf(
    billing(listClients, { query: { external_id: name, limit: 1 } }),
  );
  if (client === undefined) throw new Error(`no client has the id or external id ${name}`);
  return client.id;
}
