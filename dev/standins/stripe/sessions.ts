import { changeable } from "./customers.ts";
import { invalid, missing } from "./errors.ts";
import type { Params } from "./params.ts";
import type { SetupIntent, SetupSession } from "./objects.ts";
import type { State } from "./state.ts";

const DAY = 86_400;

/**
 * Pages that a client opens. Portal: `docs.stripe.com/api/customer_portal/sessions`, short-lived.
 * Checkout in mode `setup`: `docs.stripe.com/payments/save-and-reuse`; a stored method is attached
 * to the customer and is no default until somebody says so.
 */
export function sessionEndpoints(state: State) {
  return { ...portalEndpoints(state), ...setupEndpoints(state) };
}

function portalEndpoints(state: State) {
  return {
    portal: ({ customer, return_url }: Params<"POST /v1/billing_portal/sessions">) => {
      changeable(state, customer);
      if (!state.hasPortal) {
        throw invalid("No configuration provided and your test mode default is not set.");
      }
      const id = state.id("bps");
      return {
        id,
        object: "billing_portal.session",
        created: state.now(),
        customer,
        livemode: state.livemode,
        return_url: return_url ?? null,
        url: `https://billing.stripe.com/p/session/${id}`,
      };
    },
  };
}

function setupEndpoints(state: State) {
  return {
    checkout: (params: Params<"POST /v1/checkout/sessions">) => {
      changeable(state, params.customer);
      const intent: SetupIntent = {
        id: state.id("seti"),
        object: "setup_intent",
        customer: params.customer,
        status: "requires_payment_method",
        payment_method: null,
      };
      state.setupIntents.set(intent.id, intent);
      const id = state.id("cs");
      const session: SetupSession = {
        id,
        object: "checkout.session",
        mode: "setup",
        customer: params.customer,
        currency: params.currency,
        created: state.now(),
        // docs.stripe.com/api/checkout/sessions/create (expires_at): 24 hours by default.
        expires_at: state.now() + DAY,
        livemode: state.livemode,
        setup_intent: intent.id,
        url: `https://checkout.stripe.com/c/pay/${id}`,
        success_url: params.success_url,
        allowed_payment_method_types: params.allowed_payment_method_types ?? null,
        status: "open",
      };
      state.setupSessions.set(id, session);
      return session;
    },
    setupIntent: (id: string) => {
      const intent = state.setupIntents.get(id);
      if (intent === undefined) throw missing("setup_intent", id);
      return intent;
    },
    /** The client stores a card, or a bank account that is still to be verified. */
    complete: (id: string, status: "succeeded" | "requires_action" = "succeeded"): string => {
      const session = state.setupSessions.get(id);
      const intent = state.setupIntents.get(session?.setup_intent ?? "");
      if (session === undefined || intent === undefined) throw missing("checkout.session", id);
      session.status = "complete";
      intent.status = status;
      intent.payment_method = state.id("pm");
      state.emit("checkout.session.completed", session);
      return intent.id;
    },
    /** The bank account is verified. */
    verify: (intentId: string) => {
      const intent = state.setupIntents.get(intentId);
      if (intent !== undefined) intent.status = "succeeded";
    },
  };
}
