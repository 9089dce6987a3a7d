import { invalid, missing } from "./errors.ts";
import type { Params } from "./params.ts";
import { page, type State, within } from "./state.ts";
import type { WebhookSender } from "./webhooks.ts";

/** What the owner of the account has set in the Dashboard. */
export interface DashboardSettings {
  charges_enabled: boolean;
  /** Of the webhook endpoint. */
  status: "enabled" | "disabled";
  enabled_events: string[];
  api_version: string | null;
}

/** A price that a customer subscribes to, in cents, which may have parts. */
export interface Price {
  readonly unit_amount_decimal: string;
  readonly quantity?: number;
  readonly metered?: true;
}

const DAY = 86_400;
/** Of a meter event. */
const MOST_DAYS_OLD = 35;

/** Events, subscriptions, meters, the account. */
export function miscellaneousEndpoints(state: State, webhooks: WebhookSender) {
  return {
    ...accountEndpoints(state, webhooks),
    ...meterEndpoints(state),
    ...subscriptionEndpoints(state),
  };
}

function accountEndpoints(state: State, webhooks: WebhookSender) {
  const settings: DashboardSettings = {
    charges_enabled: true,
    status: "enabled",
    enabled_events: ["*"],
    api_version: state.apiVersion,
  };
  return {
    configure: (change: Partial<DashboardSettings>) => void Object.assign(settings, change),
    account: () => ({
      id: "acct_standin",
      object: "account",
      country: "US",
      charges_enabled: settings.charges_enabled,
      details_submitted: true,
      settings: { dashboard: { display_name: "Stand-in" } },
    }),
    webhookEndpoints: () => ({
      object: "list",
      url: "/v1/webhook_endpoints",
      has_more: false,
      data: webhooks.target === undefined ? [] : [{
        id: "we_standin",
        object: "webhook_endpoint",
        url: webhooks.target.url,
        status: settings.status,
        enabled_events: settings.enabled_events,
        api_version: settings.api_version,
        livemode: state.livemode,
      }],
    }),
    listEvents: (params: Params<"GET /v1/events">) =>
      page(
        "/v1/events",
        state.events.filter(({ type, created }) =>
          (params.type === undefined || params.type === type) &&
          (params.types === undefined || params.types.includes(type)) &&
          within(created, params.created)
        ),
        params,
      ),
  };
}

function meterEndpoints(state: State) {
  return {
    meterEvent: (params: Params<"POST /v1/billing/meter_events">) => {
      const identifier = params.identifier ?? state.id("mtr");
      const timestamp = params.timestamp ?? state.now();
      if (!state.meters.has(params.event_name)) {
        throw invalid(`No active meter found for event name '${params.event_name}'.`);
      }
      if (timestamp < state.now() - MOST_DAYS_OLD * DAY) {
        throw invalid("The timestamp must be within the past 35 calendar days.");
      }
      if (timestamp > state.now() + 300) {
        throw invalid("The timestamp must not be more than 5 minutes in the future.");
      }
      const { value = "", stripe_customer_id = "" } = params.payload;
      if (!/^-?\d+$/.test(value)) throw invalid("The value must be a whole number.");
      state.customer(stripe_customer_id);
      if (state.meterEvents.has(identifier)) {
        throw invalid(`An event already exists with identifier ${identifier}.`);
      }
      state.meterEvents.set(identifier, params);
      return {
        object: "billing.meter_event",
        created: state.now(),
        event_name: params.event_name,
        identifier,
        livemode: state.livemode,
        payload: params.payload,
        timestamp,
      };
    },
    /** A meter that sums what events of a name say. */
    addMeter: (event_name: string) => void state.meters.add(event_name),
  };
}

function subscriptionEndpoints(state: State) {
  return {
    retrieveSubscription: (id: string) => {
      const subscription = state.subscriptions.get(id);
      if (subscription === undefined) throw missing("subscription", id);
      return subscription;
    },
    listSubscriptions: (params: Params<"GET /v1/subscriptions">) =>
      page("/v1/subscriptions", state.subscriptions.values(), params),
    /** A customer subscribes to prices, or to a plan of so much a month. */
    subscribe: (customer: string, currency: string, prices: number | readonly Price[]) => {
      const id = state.id("sub");
      const subscription = {
        id,
        object: "subscription",
        created: state.now(),
        start_date: state.now(),
        customer: state.customer(customer).id,
        currency,
        description: "Platform fee",
        canceled_at: null,
        ended_at: null,
        livemode: state.livemode,
        metadata: {},
        status: "active",
        items: itemsOf(state, currency, prices),
      };
      state.subscriptions.set(id, subscription);
      state.emit("customer.subscription.created", subscription);
      return id;
    },
    changeSubscription: (id: string, status: string) => {
      const subscription = state.subscriptions.get(id);
      if (subscription === undefined) throw new Error(`no subscription ${id}`);
      const ended = status === "canceled";
      const before = { status: subscription.status };
      const at = ended ? state.now() : null;
      Object.assign(subscription, { status, ended_at: at, canceled_at: at });
      state.emit(
        `customer.subscription.${ended ? "deleted" : "updated"}`,
        subscription,
        ended ? undefined : before,
      );
    },
    /** Other prices from now on. */
    changePrices: (id: string, prices: number | readonly Price[]) => {
      const subscription = state.subscriptions.get(id);
      if (subscription === undefined) throw new Error(`no subscription ${id}`);
      const before = { items: subscription.items };
      subscription.items = itemsOf(state, String(subscription.currency), prices);
      state.emit("customer.subscription.updated", subscription, before);
    },
  };
}

/**
 * `docs.stripe.com/api/prices/object`: an amount with parts of a cent has only `unit_amount_decimal`.
 * `docs.stripe.com/api/subscription_items/object`: a metered item has no quantity.
 */
function itemsOf(state: State, currency: string, prices: number | readonly Price[]) {
  const all: readonly Price[] = typeof prices === "number"
    ? [{ unit_amount_decimal: String(prices) }]
    : prices;
  return {
    object: "list",
    data: all.map(({ unit_amount_decimal, quantity = 1, metered }) => ({
      id: state.id("si"),
      object: "subscription_item",
      current_period_start: state.now(),
      current_period_end: state.now() + 30 * DAY,
      ...(metered ? {} : { quantity }),
      price: {
        id: state.id("price"),
        object: "price",
        currency,
        unit_amount: Number.isInteger(Number(unit_amount_decimal))
          ? Number(unit_amount_decimal)
          : null,
        unit_amount_decimal,
        recurring: {
          interval: "month",
          interval_count: 1,
          usage_type: metered ? "metered" : "licensed",
        },
      },
    })),
  };
}
