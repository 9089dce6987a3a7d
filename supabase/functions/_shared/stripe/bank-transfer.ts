import Stripe from "stripe";
import { readerOf } from "../../../../shared/document/reader.ts";
import { bankTransferOf } from "../../../../shared/stripe/plan.ts";
import type { InvoiceFacts } from "../../../../shared/stripe/facts.ts";
import { say, withoutIsolates, type WordKey, type Words } from "../../../../shared/words/words.ts";

/** What is said of an account, by Stripe's names, in the order of saying it; codes have one name. */
const LABELS = {
  account_holder_name: "accountHolder",
  bank_name: "bank",
  iban: { everywhere: "IBAN" },
  bic: { everywhere: "BIC" },
  account_number: "accountNumber",
  routing_number: "routingNumber",
  sort_code: "sortCode",
  swift_code: { everywhere: "SWIFT" },
  clabe: { everywhere: "CLABE" },
  bank_code: "bankCode",
  branch_name: "branch",
  branch_code: "branchCode",
  account_type: "accountType",
} as const satisfies Readonly<Record<string, WordKey | { readonly everywhere: string }>>;

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
    const { words } = readerOf(invoice);
    const lines = first === undefined ? [] : accountLines(first, words);
    return lines.length === 0
      ? []
      : [...lines, labelled(words, words.texts.reference, invoice.number ?? "")];
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
  words: Words,
): string[] {
  const account = new Map(Object.entries(new Map(Object.entries(accounts)).get(type) ?? {}));
  return Object.entries(LABELS).flatMap(([name, label]) => {
    const value: unknown = account.get(name);
    if (typeof value !== "string" || value === "") return [];
    return [
      labelled(words, typeof label === "string" ? words.texts[label] : label.everywhere, value),
    ];
  });
}

function labelled(words: Words, label: string, value: string): string {
  return withoutIsolates(say(words, "labelled", { label, value }));
}
