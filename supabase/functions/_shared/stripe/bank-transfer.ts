import Stripe from "stripe";
import { bankTransferOf } from "../../../../shared/stripe/plan.ts";
import type { InvoiceFacts } from "../../../../shared/stripe/facts.ts";

/** What is said of an account, by Stripe's names, in the order of saying it. */
const LABELS = {
  account_holder_name: "Account holder",
  bank_name: "Bank",
  iban: "IBAN",
  bic: "BIC",
  account_number: "Account number",
  routing_number: "Routing number",
  sort_code: "Sort code",
  swift_code: "SWIFT",
  clabe: "CLABE",
  bank_code: "Bank code",
  branch_name: "Branch",
  branch_code: "Branch code",
  account_type: "Account type",
} as const;

/**
 * Where the client can transfer the invoice's amount to, as lines; none where the invoice does not
 * offer it. Stripe gives each customer an account number of its own, the same each time. Where Stripe
 * refuses, the invoice's page says it all the same.
 */
export async function transferLines(
  facts: InvoiceFacts,
  customer: string,
  stripe: Stripe,
): Promise<string[]> {
  const { invoice } = facts;
  const bank_transfer = bankTransferOf(facts);
  if (bank_transfer === undefined) return [];
  const type = TYPES.find((one) => one === bank_transfer.type);
  if (type === undefined) return [];
  try {
    const { bank_transfer: { financial_addresses } } = await stripe.customers
      .createFundingInstructions(customer, {
        currency: invoice.currency.toLowerCase(),
        funding_type: "bank_transfer",
        bank_transfer: { ...bank_transfer, type },
      });
    const [first] = financial_addresses;
    const lines = first === undefined ? [] : accountLines(first);
    return lines.length === 0 ? [] : [...lines, `Reference: ${invoice.number}`];
  } catch (error) {
    if (error instanceof Stripe.errors.StripeInvalidRequestError) return [];
    throw error;
  }
}

const TYPES = [
  "eu_bank_transfer",
  "gb_bank_transfer",
  "jp_bank_transfer",
  "mx_bank_transfer",
  "us_bank_transfer",
] as const;

function accountLines(
  { type, ...accounts }: Stripe.FundingInstructions.BankTransfer.FinancialAddress,
): string[] {
  const account = new Map(Object.entries(new Map(Object.entries(accounts)).get(type) ?? {}));
  return Object.entries(LABELS).flatMap(([name, label]) => {
    const value: unknown = account.get(name);
    return typeof value === "string" && value !== "" ? [`${label}: ${value}`] : [];
  });
}
