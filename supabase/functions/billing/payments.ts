import Stripe from "stripe";
import * as routes from "../../../shared/api/payments.ts";
import { problem } from "../../../shared/errors.ts";
import { endpoint } from "../_shared/api/endpoint.ts";
import type { Session } from "../_shared/api/session.ts";
import { ProblemError } from "../_shared/http/problem.ts";
import type { StripeConnection } from "../_shared/stripe/client.ts";
import { describeFailure, isMissing, outcomeOfFailure } from "../_shared/stripe/failures.ts";
import { found } from "./api/rows.ts";
import { readClient } from "./clients.ts";
import { requireRole } from "./require-role.ts";

/** What paying is given from outside. */
export interface PaymentPorts {
  /** Undefined where Stripe is off. */
  readonly stripe: StripeConnection | undefined;
  /** Where pages of Stripe may send clients back to. */
  readonly returnOrigins: readonly string[];
}

/** How clients pay, and the pages of Stripe where they say so. */
export function paymentEndpoints(ports: PaymentPorts) {
  return [
    endpoint(routes.getPaymentTerms, (session, { params }) => readTerms(session, params.client_id)),
    endpoint(routes.updatePaymentTerms, async (session, { params: { client_id }, body }) => {
      await readClient(session, client_id);
      await saveTerms(session, client_id, body);
      return await readTerms(session, client_id);
    }),
    endpoint(routes.createPortalSession, async (session, { params: { client_id }, body }) => {
      const { return_url } = body;
      await requireRole(session, client_id, "billing");
      checkReturn("return_url", return_url, ports);
      const { customer, stripe } = await customerOf(session, client_id, ports);
      return await asked(async () => {
        const { url } = await stripe.billingPortal.sessions.create({ customer, return_url });
        return { url, expires_at: null };
      });
    }),
    endpoint(routes.createSetupSession, async (session, { params: { client_id }, body }) => {
      const { return_url, cancel_url = return_url } = body;
      await requireRole(session, client_id, "billing");
      checkReturn("return_url", return_url, ports);
      checkReturn("cancel_url", cancel_url, ports);
      const { customer, stripe } = await customerOf(session, client_id, ports);
      const { currency, methods } = await setupTerms(session, client_id);
      const metadata = { leveredge_client_id: client_id };
      return await asked(async () => {
        const made = await stripe.checkout.sessions.create({
          mode: "setup",
          customer,
          currency: currency.toLowerCase(),
          success_url: return_url,
          cancel_url,
          metadata,
          setup_intent_data: { metadata },
          ...(methods === null ? {} : { allowed_payment_method_types: methods }),
        });
        const expires_at = new Date(made.expires_at * 1000).toISOString();
        return { url: made.url, expires_at };
      });
    }),
  ];
}

/** Stripe sends people wherever it is told to: only to where the seller says, else it is a trap. */
function checkReturn(name: string, url: string, { returnOrigins }: PaymentPorts): void {
  const { origin, username, password } = new URL(url);
  if (returnOrigins.includes(origin) && username === "" && password === "") return;
  throw new ProblemError(problem(
    "return_url_refused",
    returnOrigins.length === 0
      ? "no origin is configured: set BILLING_RETURN_ORIGINS"
      : "its origin is not one of BILLING_RETURN_ORIGINS",
    [{ pointer: `/${name}`, detail: "leads to an origin that is not configured" }],
  ));
}

/** The client's customer; from here on the session is the service's. */
async function customerOf(
  session: Session,
  clientId: string,
  { stripe: connection }: PaymentPorts,
) {
  if (connection === undefined) throw new ProblemError(problem("stripe_off"));
  await session.asService();
  const [row] = await session.sql<{ stripe_customer_id: string }[]>`
    select s.stripe_customer_id from public.stripe_customers s
    where s.client_id = ${clientId}::text::uuid and s.livemode = ${connection.livemode}
      and s.deleted_at is null`;
  if (row === undefined) throw new ProblemError(missingCustomer());
  return { customer: row.stripe_customer_id, stripe: connection.stripe };
}

function missingCustomer() {
  return problem(
    "stripe_customer_missing",
    'its first invoice makes one, or create-stripe-invoice with {"sync": "customers"}',
  );
}

/** What can be stored of the client's payment methods, and the currency it is billed in. */
async function setupTerms(
  { sql }: Session,
  clientId: string,
): Promise<{ currency: string; methods: string[] | null }> {
  return found(
    await sql<{ currency: string; methods: string[] | null }[]>`
      select c.currency, (select array_agg(m.method order by m.method)
        from public.stripe_terms t join billing.stripe_payment_methods m
          on m.method = any (t.payment_methods) and m.is_automatic
          and (m.currency is null or m.currency = c.currency)
        where t.client_id = c.client_id) as methods
      from billing.config_on(array[${clientId}::text::uuid],
        array[billing.day_of(${clientId}::text::uuid, billing.as_of())]) c`,
  );
}

/** What Stripe answers; its refusals as problems. */
async function asked<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeError)) throw error;
    if (isMissing(error)) throw new ProblemError(missingCustomer());
    const { kind } = outcomeOfFailure(error);
    throw new ProblemError(
      problem(kind === "dead" ? "stripe_refused" : "stripe_unavailable", describeFailure(error)),
    );
  }
}

async function readTerms(session: Session, clientId: string): Promise<unknown> {
  await readClient(session, clientId);
  return found(
    await session.sql<{ item: unknown }[]>`
      select jsonb_build_object(
        'collection_method', coalesce(t.collection_method, 'send_invoice'),
        'mailed_by', coalesce(t.mailed_by, 'us'), 'payment_methods', t.payment_methods,
        'bank_transfer_country', t.bank_transfer_country, 'tax_exempt', t.tax_exempt,
        'tax_id_type', t.tax_id_type) as item
      from (select ${clientId}::text::uuid as id) c
      left join public.stripe_terms t on t.client_id = c.id`,
  ).item;
}

async function saveTerms({ sql }: Session, clientId: string, change: object): Promise<void> {
  const names = Object.keys(change);
  if (names.length === 0) {
    throw new ProblemError(problem("bad_request", "nothing to change was given"));
  }
  const row = JSON.stringify({ client_id: clientId, ...change });
  const columns = sql(["client_id", ...names]);
  const updates = names.map((name, index) =>
    sql`${index > 0 ? sql`, ` : sql``}${sql(name)} = excluded.${sql(name)}`
  );
  await sql`
    insert into public.stripe_terms (${columns})
    select ${columns} from jsonb_populate_record(null::public.stripe_terms, ${row}::text::jsonb)
    on conflict (client_id) do update set ${updates}`;
}
