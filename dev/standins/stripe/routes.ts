import type { z } from "zod";
import type { balanceEndpoints } from "./balances.ts";
import type { customerEndpoints } from "./customers.ts";
import { invalid, StripeFailure } from "./errors.ts";
import type { Form } from "./form.ts";
import type { invoiceEndpoints } from "./invoices.ts";
import type { miscellaneousEndpoints } from "./miscellaneous.ts";
import { PARAMS } from "./params.ts";
import type { disputeEndpoints } from "./disputes.ts";
import type { Payments } from "./payments.ts";
import type { payoutEndpoints } from "./payouts.ts";
import type { sessionEndpoints } from "./sessions.ts";
import type { Refunds } from "./refunds.ts";

/** The endpoints by what they are about. */
export interface Endpoints {
  readonly balances: ReturnType<typeof balanceEndpoints>;
  readonly customers: ReturnType<typeof customerEndpoints>;
  readonly invoices: ReturnType<typeof invoiceEndpoints>;
  readonly payments: Payments;
  readonly refunds: Refunds;
  readonly disputes: ReturnType<typeof disputeEndpoints>;
  readonly payouts: ReturnType<typeof payoutEndpoints>;
  readonly sessions: ReturnType<typeof sessionEndpoints>;
  readonly other: ReturnType<typeof miscellaneousEndpoints>;
}

type Handler = (form: Form, id: string, second: string) => unknown;

/** Finds the endpoint of a request, checks its parameters, and calls it. */
export function routesOf(endpoints: Endpoints) {
  const handlers: Record<keyof typeof PARAMS, Handler> = {
    ...customerRoutes(endpoints),
    ...invoiceRoutes(endpoints),
    ...paymentRoutes(endpoints),
    ...otherRoutes(endpoints),
  };
  const patterns = Object.entries(handlers).map(([name, handler]) => ({
    pattern: new RegExp(`^${name.replaceAll(/:\w+/g, "([^/]+)")}$`),
    handler,
  }));
  return (method: string, path: string, form: Form): unknown => {
    for (const { pattern, handler } of patterns) {
      const match = pattern.exec(`${method} ${path}`);
      if (match !== null) return handler(form, match[1] ?? "", match[2] ?? "");
    }
    throw new StripeFailure(
      404,
      "invalid_request_error",
      `Unrecognized request URL (${method}: ${path}).`,
    );
  };
}

function customerRoutes({ balances, customers }: Endpoints) {
  return {
    "POST /v1/customers": route(PARAMS["POST /v1/customers"], customers.create),
    "GET /v1/customers": route(PARAMS["GET /v1/customers"], customers.list),
    "GET /v1/customers/search": route(PARAMS["GET /v1/customers/search"], customers.search),
    "GET /v1/customers/:id": route(
      PARAMS["GET /v1/customers/:id"],
      (_, id) => customers.retrieve(id),
    ),
    "POST /v1/customers/:id": route(
      PARAMS["POST /v1/customers/:id"],
      (params, id) => customers.update(id, params),
    ),
    "DELETE /v1/customers/:id": route(
      PARAMS["DELETE /v1/customers/:id"],
      (_, id) => customers.remove(id),
    ),
    "GET /v1/customers/:id/balance_transactions": route(
      PARAMS["GET /v1/customers/:id/balance_transactions"],
      (params, id) => balances.list(id, params),
    ),
    "POST /v1/customers/:id/balance_transactions": route(
      PARAMS["POST /v1/customers/:id/balance_transactions"],
      (params, id) => balances.create(id, params),
    ),
    "POST /v1/customers/:id/funding_instructions": route(
      PARAMS["POST /v1/customers/:id/funding_instructions"],
      (params, id) => customers.fundingInstructions(id, params),
    ),
    "GET /v1/customers/:id/tax_ids": route(
      PARAMS["GET /v1/customers/:id/tax_ids"],
      (params, id) => customers.listTaxIds(id, params),
    ),
    "POST /v1/customers/:id/tax_ids": route(
      PARAMS["POST /v1/customers/:id/tax_ids"],
      (params, id) => customers.createTaxId(id, params),
    ),
    "DELETE /v1/customers/:id/tax_ids/:tax_id": route(
      PARAMS["DELETE /v1/customers/:id/tax_ids/:tax_id"],
      (_, id, taxId) => customers.removeTaxId(id, taxId),
    ),
  };
}

function invoiceRoutes({ invoices, payments }: Endpoints) {
  return {
    "POST /v1/invoices": route(PARAMS["POST /v1/invoices"], invoices.create),
    "GET /v1/invoices": route(PARAMS["GET /v1/invoices"], invoices.list),
    "GET /v1/invoices/:id": route(PARAMS["GET /v1/invoices/:id"], (_, id) => invoices.retrieve(id)),
    "POST /v1/invoices/:id": route(
      PARAMS["POST /v1/invoices/:id"],
      (params, id) => invoices.update(id, params),
    ),
    "DELETE /v1/invoices/:id": route(
      PARAMS["DELETE /v1/invoices/:id"],
      (_, id) => invoices.remove(id),
    ),
    "GET /v1/invoices/:id/lines": route(
      PARAMS["GET /v1/invoices/:id/lines"],
      (params, id) => invoices.lines(id, params),
    ),
    "POST /v1/invoices/:id/add_lines": route(
      PARAMS["POST /v1/invoices/:id/add_lines"],
      (params, id) => invoices.addLines(id, params),
    ),
    "POST /v1/invoices/:id/finalize": route(
      PARAMS["POST /v1/invoices/:id/finalize"],
      (params, id) => invoices.finalize(id, params),
    ),
    "POST /v1/invoices/:id/send": route(
      PARAMS["POST /v1/invoices/:id/send"],
      (_, id) => invoices.send(id),
    ),
    "POST /v1/invoices/:id/pay": route(
      PARAMS["POST /v1/invoices/:id/pay"],
      (params, id) => invoices.pay(id, params),
    ),
    "POST /v1/invoices/:id/void": route(
      PARAMS["POST /v1/invoices/:id/void"],
      (_, id) => invoices.void(id),
    ),
    "POST /v1/invoices/:id/mark_uncollectible": route(
      PARAMS["POST /v1/invoices/:id/mark_uncollectible"],
      (_, id) => invoices.writeOff(id),
    ),
    "POST /v1/invoices/:id/attach_payment": route(
      PARAMS["POST /v1/invoices/:id/attach_payment"],
      (params, id) => payments.attach(id, params),
    ),
  };
}

function paymentRoutes({ payments, refunds, disputes, payouts }: Endpoints) {
  return {
    "GET /v1/invoice_payments/:id": route(
      PARAMS["GET /v1/invoice_payments/:id"],
      (_, id) => payments.retrievePayment(id),
    ),
    "GET /v1/payment_intents/:id": route(
      PARAMS["GET /v1/payment_intents/:id"],
      (_, id) => payments.retrieveIntent(id),
    ),
    "GET /v1/charges/:id": route(
      PARAMS["GET /v1/charges/:id"],
      (_, id) => refunds.retrieveCharge(id),
    ),
    "GET /v1/credit_notes/:id": route(
      PARAMS["GET /v1/credit_notes/:id"],
      (_, id) => payments.retrieveCreditNote(id),
    ),
    "GET /v1/invoice_payments": route(PARAMS["GET /v1/invoice_payments"], payments.listPayments),
    "POST /v1/credit_notes": route(PARAMS["POST /v1/credit_notes"], payments.createCreditNote),
    "GET /v1/credit_notes": route(PARAMS["GET /v1/credit_notes"], payments.listCreditNotes),
    "GET /v1/refunds": route(PARAMS["GET /v1/refunds"], refunds.list),
    "GET /v1/refunds/:id": route(PARAMS["GET /v1/refunds/:id"], (_, id) => refunds.retrieve(id)),
    "GET /v1/disputes": route(PARAMS["GET /v1/disputes"], disputes.list),
    "GET /v1/disputes/:id": route(PARAMS["GET /v1/disputes/:id"], (_, id) => disputes.retrieve(id)),
    "POST /v1/payment_records/report_payment": route(
      PARAMS["POST /v1/payment_records/report_payment"],
      payments.report,
    ),
    "GET /v1/payouts": route(PARAMS["GET /v1/payouts"], payouts.list),
    "GET /v1/balance_transactions": route(
      PARAMS["GET /v1/balance_transactions"],
      payouts.transactions,
    ),
  };
}

function otherRoutes({ sessions, other }: Endpoints) {
  return {
    "GET /v1/account": route(PARAMS["GET /v1/account"], other.account),
    "GET /v1/webhook_endpoints": route(PARAMS["GET /v1/webhook_endpoints"], other.webhookEndpoints),
    "GET /v1/subscriptions/:id": route(
      PARAMS["GET /v1/subscriptions/:id"],
      (_, id) => other.retrieveSubscription(id),
    ),
    "POST /v1/billing_portal/sessions": route(
      PARAMS["POST /v1/billing_portal/sessions"],
      sessions.portal,
    ),
    "POST /v1/checkout/sessions": route(PARAMS["POST /v1/checkout/sessions"], sessions.checkout),
    "GET /v1/setup_intents/:id": route(
      PARAMS["GET /v1/setup_intents/:id"],
      (_, id) => sessions.setupIntent(id),
    ),
    "GET /v1/events": route(PARAMS["GET /v1/events"], other.listEvents),
    "GET /v1/subscriptions": route(PARAMS["GET /v1/subscriptions"], other.listSubscriptions),
    "POST /v1/billing/meter_events": route(
      PARAMS["POST /v1/billing/meter_events"],
      other.meterEvent,
    ),
  };
}

function route<P>(
  schema: z.ZodType<P>,
  work: (params: P, id: string, second: string) => unknown,
): Handler {
  return (form, id, second) => {
    const checked = schema.safeParse(form);
    if (checked.success) return work(checked.data, id, second);
    const issue = checked.error.issues[0];
    const unknown = issue?.code === "unrecognized_keys" ? issue.keys[0] : undefined;
    const path = [...issue?.path ?? [], ...(unknown === undefined ? [] : [unknown])].join(".");
    throw invalid(
      unknown === undefined
        ? `${issue?.message ?? "Invalid"}: ${path}`
        : `Received unknown parameter: ${path}`,
      { code: unknown === undefined ? "parameter_invalid" : "parameter_unknown", param: path },
    );
  };
}
