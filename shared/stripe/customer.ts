import type { ClientFacts } from "./facts.ts";

/** The details of a client as Stripe takes them; an absent one is emptied there. */
export interface CustomerDetails {
  readonly name: string;
  readonly email?: string;
  readonly address?: {
    readonly line1?: string;
    readonly line2?: string;
    readonly city?: string;
    readonly state?: string;
    readonly postal_code?: string;
    readonly country?: string;
  };
  readonly tax_exempt: ClientFacts["tax_exempt"];
  readonly preferred_locales: string[];
  readonly metadata: { readonly leveredge_client_id: string; readonly external_id?: string };
}

const EU_VAT =
  /^(AT|BE|BG|CY|CZ|DE|DK|EE|EL|ES|FI|FR|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK)[0-9A-Z+*]{2,12}$/;

/** A client as a Stripe customer. */
export function customerDetails(client: ClientFacts): CustomerDetails {
  const address = addressOf(client);
  return {
    name: client.name.slice(0, 256),
    ...(client.email === null ? {} : { email: client.email }),
    ...(address === undefined ? {} : { address }),
    tax_exempt: client.tax_exempt,
    preferred_locales: [client.locale],
    metadata: {
      leveredge_client_id: client.id,
      ...(client.external_id === null ? {} : { external_id: client.external_id }),
    },
  };
}

/** In parts where they are known; else lines for a label: the first, and the others. */
function addressOf({ address, postal_address }: ClientFacts): CustomerDetails["address"] {
  if (postal_address !== null) return postal_address;
  const [line1, ...rest] = address;
  if (line1 === undefined) return undefined;
  return { line1, ...(rest.length === 0 ? {} : { line2: rest.join("\n") }) };
}

/**
 * The client's tax id with Stripe's type for it: as configured, else recognised by its form.
 * Undefined where there is none or nobody knows what kind it is; our own document carries it anyway.
 */
export function customerTaxId(client: ClientFacts): { type: string; value: string } | undefined {
  const value = client.tax_id?.replace(/[\s.-]/g, "").toUpperCase();
  if (value === undefined || value === "") return undefined;
  if (client.tax_id_type !== null) return { type: client.tax_id_type, value: client.tax_id ?? "" };
  if (EU_VAT.test(value)) return { type: "eu_vat", value };
  return /^GB\d{9}(\d{3})?$/.test(value) ? { type: "gb_vat", value } : undefined;
}
