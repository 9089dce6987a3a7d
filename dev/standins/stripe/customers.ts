import { invalid, missing } from "./errors.ts";
import type { Params } from "./params.ts";
import type { Customer } from "./objects.ts";
import { page, type State, within } from "./state.ts";

/** Currencies of bank transfers: `docs.stripe.com/payments/bank-transfers`. */
export const TRANSFERS: Readonly<Record<string, string>> = {
  eu_bank_transfer: "eur",
  gb_bank_transfer: "gbp",
  jp_bank_transfer: "jpy",
  mx_bank_transfer: "mxn",
  us_bank_transfer: "usd",
};

type TaxId = NonNullable<ReturnType<State["taxIds"]["get"]>>;

/** Customers, their tax ids, and the transfers they make. */
export function customerEndpoints(state: State) {
  return {
    ...recordEndpoints(state),
    ...listEndpoints(state),
    ...taxIdEndpoints(state),
    ...transferEndpoints(state),
  };
}

function recordEndpoints(state: State) {
  return {
    /** As it was made long ago, or by somebody else. */
    add: (customer: Partial<Customer>) => {
      const made = { ...newCustomer(state), ...customer };
      state.customers.set(made.id, made);
    },
    create: (params: Params<"POST /v1/customers">) => {
      const customer = newCustomer(state);
      assign(customer, params);
      state.customers.set(customer.id, customer);
      state.emit("customer.created", customer);
      return customer;
    },
    update: (id: string, params: Params<"POST /v1/customers/:id">) => {
      const customer = changeable(state, id);
      const before = structuredClone(customer);
      assign(customer, params);
      const changed = previous(before, customer);
      if (Object.keys(changed).length > 0) state.emit("customer.updated", customer, changed);
      return customer;
    },
    retrieve: (id: string) => {
      const customer = state.customer(id);
      return customer.deleted ? { id, object: "customer", deleted: true } : customer;
    },
    remove: (id: string) => {
      const customer = changeable(state, id);
      customer.deleted = true;
      // docs.stripe.com/api/customers/delete: its subscriptions are cancelled at once.
      for (const subscription of state.subscriptions.values()) {
        if (subscription.customer !== id || subscription.status === "canceled") continue;
        const now = state.now();
        Object.assign(subscription, { status: "canceled", ended_at: now, canceled_at: now });
        state.emit("customer.subscription.deleted", subscription);
      }
      state.emit("customer.deleted", customer);
      return { id, object: "customer", deleted: true };
    },
  };
}

function listEndpoints(state: State) {
  const alive = () => [...state.customers.values()].filter(({ deleted }) => deleted === undefined);
  return {
    list: (params: Params<"GET /v1/customers">) =>
      page(
        "/v1/customers",
        alive().filter(({ email, created }) =>
          (params.email === undefined || email === params.email) && within(created, params.created)
        ).map((customer) => {
          // docs.stripe.com/api/customers/object#customer_object-cash_balance: only where asked for.
          if (!params.expand?.includes("data.cash_balance")) return customer;
          const available = state.cash.get(customer.id) ?? null;
          return { ...customer, cash_balance: { object: "cash_balance", available } };
        }),
        params,
      ),
    search: ({ query, limit = 10 }: Params<"GET /v1/customers/search">) => {
      // docs.stripe.com/search#availability: not for accounts in India.
      if (!state.hasSearch) throw invalid("Search is not available for accounts in your country.");
      const asked = /^metadata\[["'](\w+)["']\]:["']([^"']*)["']$/.exec(query);
      if (asked === null) throw invalid("We were unable to parse your search query.");
      const data = alive().filter(({ metadata }) => metadata[asked[1] ?? ""] === asked[2]);
      return {
        object: "search_result",
        url: "/v1/customers/search",
        data: data.slice(0, limit),
        has_more: data.length > limit,
        next_page: null,
      };
    },
  };
}

function taxIdEndpoints(state: State) {
  const shownTaxId = (taxId: TaxId) => ({
    ...taxId,
    object: "tax_id",
    livemode: state.livemode,
    verification: { status: "pending" },
  });
  const taxIds = (customer: string) =>
    [...state.taxIds.values()].filter((taxId) => taxId.customer === customer).map(shownTaxId);
  return {
    listTaxIds: (id: string, params: Params<"GET /v1/customers/:id/tax_ids">) =>
      page(`/v1/customers/${id}/tax_ids`, taxIds(changeable(state, id).id), params),
    createTaxId: (id: string, params: Params<"POST /v1/customers/:id/tax_ids">) => {
      changeable(state, id);
      if (taxIds(id).some(({ type, value }) => type === params.type && value === params.value)) {
        // docs.stripe.com/error-codes#resource-already-exists
        throw invalid("This tax ID is already on the customer.", {
          code: "resource_already_exists",
        });
      }
      state.onTaxId({ customer: id, type: params.type, value: params.value });
      const taxId = { id: state.id("txi"), customer: id, type: params.type, value: params.value };
      state.taxIds.set(taxId.id, taxId);
      // docs.stripe.com/api/events/types#event_types-customer.tax_id.created
      state.emit("customer.tax_id.created", shownTaxId(taxId));
      return shownTaxId(taxId);
    },
    /** Stripe has asked the authority: `docs.stripe.com/invoicing/customer/tax-ids#validation`. */
    verifyTaxId: (taxId: string, status: "verified" | "unverified") => {
      const found = state.taxIds.get(taxId);
      if (found === undefined) throw missing("tax_id", taxId);
      state.emit("customer.tax_id.updated", { ...shownTaxId(found), verification: { status } }, {
        verification: { status: "pending" },
      });
    },
    removeTaxId: (id: string, taxId: string) => {
      const found = state.taxIds.get(taxId);
      if (found?.customer !== id) throw missing("tax_id", taxId);
      state.taxIds.delete(taxId);
      state.emit("customer.tax_id.deleted", shownTaxId(found));
      return { id: taxId, object: "tax_id", deleted: true };
    },
  };
}

function transferEndpoints(state: State) {
  return {
    /** A transfer that Stripe can put on no invoice: it is kept for the customer. */
    transfer: (id: string, amount: number, currency: string) => {
      const known = state.cash.get(id);
      state.cash.set(id, { ...known, [currency]: (known?.[currency] ?? 0) + amount });
    },
    /**
     * `docs.stripe.com/payments/customer-balance/funding-instructions`: an account of the customer's
     * own to transfer to, the same each time.
     */
    fundingInstructions: (
      id: string,
      { currency, bank_transfer }: Params<"POST /v1/customers/:id/funding_instructions">,
    ) => {
      changeable(state, id);
      if (currency !== TRANSFERS[bank_transfer.type]) {
        throw invalid(`The currency ${currency} is not for ${bank_transfer.type}.`);
      }
      const holder = { account_holder_name: "Stand-in", bank_name: "Stand-in Bank" };
      const aba = { ...holder, account_number: "000123456789", routing_number: "110000000" };
      const iban = { ...holder, iban: "IE29AIBK93115212345678", bic: "AIBKIE2D", country: "IE" };
      return {
        object: "funding_instructions",
        currency,
        funding_type: "bank_transfer",
        livemode: state.livemode,
        bank_transfer: {
          type: bank_transfer.type,
          country: bank_transfer.eu_bank_transfer?.country ?? "US",
          financial_addresses: [
            bank_transfer.type === "eu_bank_transfer"
              ? { type: "iban", iban, supported_networks: ["sepa"] }
              : { type: "aba", aba, supported_networks: ["ach", "domestic_wire_us"] },
          ],
        },
      };
    },
  };
}

function newCustomer(state: State): Customer {
  return {
    id: state.id("cus"),
    object: "customer",
    created: state.now(),
    livemode: state.livemode,
    balance: 0,
    name: null,
    email: null,
    description: null,
    address: null,
    tax_exempt: "none",
    preferred_locales: [],
    metadata: {},
  };
}

/** A customer that is not deleted. */
export function changeable(state: State, id: string): Customer {
  const customer = state.customer(id);
  if (customer.deleted) throw missing("customer", id);
  return customer;
}

function assign(customer: Customer, params: Params<"POST /v1/customers/:id">): void {
  const { expand: _, metadata, address, ...plain } = params;
  Object.assign(customer, plain);
  // docs.stripe.com/api#errors, "Unsetting": an empty string empties a field.
  if (plain.email === "") customer.email = null;
  if (address !== undefined) customer.address = address === "" ? null : definedOf(address);
  for (const [name, value] of Object.entries(metadata ?? {})) {
    if (value === "") delete customer.metadata[name];
    else customer.metadata[name] = value;
  }
}

function definedOf(fields: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) => value === undefined ? [] : [[name, value]]),
  );
}

function previous(before: Customer, after: Customer): Record<string, unknown> {
  const now = new Map<string, unknown>(Object.entries(after));
  return Object.fromEntries(
    Object.entries(before).filter(([name, value]) =>
      JSON.stringify(value) !== JSON.stringify(now.get(name))
    ),
  );
}
