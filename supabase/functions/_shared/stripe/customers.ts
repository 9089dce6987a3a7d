import Stripe from "stripe";
import { sha256Of } from "../../../../shared/sha256.ts";
import {
  type CustomerDetails,
  customerDetails,
  customerTaxId,
} from "../../../../shared/stripe/customer.ts";
import type { ClientFacts } from "../../../../shared/stripe/facts.ts";
import { describeFailure, isMissing } from "./failures.ts";
import type { StripeStore } from "./store.ts";

/** What customers need. */
export interface CustomerPorts {
  readonly stripe: Stripe;
  readonly store: Pick<StripeStore, "saveCustomer" | "forgetCustomer">;
  readonly now: () => Date;
}

/**
 * The Stripe customer of a client, with the client's present details: the stored one, else one that
 * names the client in its metadata, else a new one. Throws Stripe's errors.
 */
export async function ensureCustomer(client: ClientFacts, ports: CustomerPorts): Promise<string> {
  const details = customerDetails(client);
  const digest = digestOf({ details, taxId: customerTaxId(client) });
  const stored = client.deleted ? null : client.stripe_customer_id;
  if (stored !== null && client.sent_digest === digest) return stored;
  const known = stored === null
    ? await findCustomer(client, ports.stripe)
    : await updated(stored, details, digest, ports);
  const id = known ?? await createCustomer(client, details, ports.stripe);
  if (stored === null && known !== null) await sendDetails(id, details, digest, ports);
  const taxId = await sendTaxId(id, client, ports.stripe);
  await ports.store.saveCustomer(client.id, id, digest, taxId);
  return id;
}

/** How a bulk run went. */
export interface CustomerSync {
  readonly in_step: number;
  readonly failed: readonly { readonly client_id: string; readonly error: string }[];
}

/** Brings the customers of all clients into step. One that fails stops nobody else. */
export async function syncCustomers(
  ports: CustomerPorts & { readonly store: Pick<StripeStore, "clientIds" | "clientFacts"> },
): Promise<CustomerSync> {
  const failed: { client_id: string; error: string }[] = [];
  let in_step = 0;
  for (const id of await ports.store.clientIds()) {
    const client = await ports.store.clientFacts(id);
    if (client === null) continue;
    try {
      await ensureCustomer(client, ports);
      in_step += 1;
    } catch (error) {
      if (!(error instanceof Stripe.errors.StripeError)) throw error;
      failed.push({ client_id: id, error: describeFailure(error) });
    }
  }
  return { in_step, failed };
}

async function createCustomer(client: ClientFacts, details: CustomerDetails, stripe: Stripe) {
  // After a deletion a new key, else Stripe would answer with the deleted customer.
  const after = client.deleted ? `-after-${client.stripe_customer_id}` : "";
  const print = digestOf(details).slice(0, 12);
  const { id } = await stripe.customers.create({ ...details }, {
    idempotencyKey: `customer-${client.id}${after}-${print}`,
  });
  return id;
}

/** Seconds by which our clock may be behind Stripe's. */
const CLOCKS_DIFFER = 86_400;

/**
 * By e-mail first: a list is up to date, the search lags by up to a minute. Where customers cannot be
 * searched (accounts in India: docs.stripe.com/search#search-limitations), those are listed that were
 * made since the client was: none before can name it. The idempotency key covers what is left.
 */
async function findCustomer(client: ClientFacts, stripe: Stripe) {
  const { id: clientId, email } = client;
  const listed = email === null ? [] : (await stripe.customers.list({ email, limit: 100 })).data;
  const ours = [...listed, ...await searched(client, stripe)].filter(({ metadata }) =>
    metadata.leveredge_client_id === clientId
  );
  const oldest = ours.toSorted((a, b) => a.created - b.created || a.id.localeCompare(b.id))[0];
  return oldest?.id ?? null;
}

async function searched(
  { id: clientId, made_at }: ClientFacts,
  stripe: Stripe,
): Promise<Stripe.Customer[]> {
  try {
    const query = `metadata["leveredge_client_id"]:"${clientId}"`;
    return (await stripe.customers.search({ query, limit: 10 })).data;
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeInvalidRequestError)) throw error;
    const all: Stripe.Customer[] = [];
    const created = { gte: Math.max(0, made_at - CLOCKS_DIFFER) };
    for await (const customer of stripe.customers.list({ created, limit: 100 })) {
      if (customer.metadata.leveredge_client_id === clientId) all.push(customer);
    }
    return all;
  }
}

/** Sends the details; null when the customer is gone, which is noted. */
async function updated(
  id: string,
  details: CustomerDetails,
  digest: string,
  ports: CustomerPorts,
) {
  try {
    const customer = await ports.stripe.customers.retrieve(id);
    if (!customer.deleted) {
      await sendDetails(id, details, digest, ports);
      return id;
    }
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  await ports.store.forgetCustomer(id, ports.now());
  return null;
}

/** The key tells the event that follows from one that the client caused in the portal. */
async function sendDetails(
  id: string,
  details: CustomerDetails,
  digest: string,
  { stripe, now }: CustomerPorts,
): Promise<void> {
  const { email = "", address = "" } = details;
  await stripe.customers.update(id, { ...details, email, address }, {
    idempotencyKey: `customer-${id}-${digest.slice(0, 12)}-${now().toISOString().slice(0, 16)}`,
  });
}

/**
 * Stripe's tax ids cannot be changed, only replaced (docs.stripe.com/api/customer_tax_ids). Ours is
 * replaced; those that the client has added in the portal are its own. One that Stripe does not take is left
 * out. Answers with Stripe's id of ours.
 */
async function sendTaxId(
  id: string,
  client: ClientFacts,
  stripe: Stripe,
): Promise<string | null> {
  const wanted = customerTaxId(client);
  const known = async () => {
    const { data } = await stripe.customers.listTaxIds(id, { limit: 100 });
    return {
      data,
      own: data.find(({ type, value }) => type === wanted?.type && value === wanted.value),
    };
  };
  const { data, own } = await known();
  const former = data.find((one) => one.id === client.stripe_tax_id && one !== own);
  if (former !== undefined) {
    await stripe.customers.deleteTaxId(id, former.id).catch(unlessMissing);
  }
  if (wanted === undefined) return null;
  if (own !== undefined) return own.id;
  try {
    return (await stripe.customers.createTaxId(id, wanted)).id;
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeInvalidRequestError)) throw error;
    if (error.code === "tax_id_invalid") return null;
    // Another worker with an invoice of the same client may have been faster: Stripe has each once
    // (docs.stripe.com/error-codes: resource_already_exists).
    const faster = (await known()).own;
    if (faster === undefined) throw error;
    return faster.id;
  }
}

function unlessMissing(error: unknown): void {
  if (!isMissing(error)) throw error;
}

function digestOf(value: unknown): string {
  return sha256Of(JSON.stringify(value));
}
