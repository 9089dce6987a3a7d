import type { Endpoint } from "../_shared/api/endpoint.ts";
import { auditEndpoints } from "./audit.ts";
import { agentKeyEndpoints } from "./agent-keys.ts";
import { budgetEndpoints } from "./budgets.ts";
import { catalogueEndpoints } from "./catalogue.ts";
import { clientEndpoints } from "./clients.ts";
import { correctionEndpoints } from "./corrections.ts";
import { creditEndpoints } from "./credits.ts";
import { deliveryEndpoints } from "./deliveries.ts";
import { evidenceEndpoints } from "./evidence.ts";
import { invoiceLinkEndpoints } from "./invoice-links.ts";
import { invoicePdfEndpoints, type SignLink } from "./invoice-pdf.ts";
import { invoiceEndpoints } from "./invoices.ts";
import { itemEndpoints } from "./items.ts";
import { journalEndpoints } from "./journal.ts";
import { memberEndpoints } from "./members.ts";
import { operationEndpoints } from "./operations.ts";
import { personalDataEndpoints } from "./personal-data.ts";
import { paymentEndpoints, type PaymentPorts } from "./payments.ts";
import { payoutEndpoints } from "./payouts.ts";
import { settingEndpoints } from "./settings.ts";
import { termEndpoints } from "./terms.ts";
import { topUpEndpoints } from "./top-ups.ts";
import { usageEndpoints } from "./usage.ts";

/** Everything under `/billing`; files are linked by `signLink`. */
export const billingEndpoints = (
  signLink: SignLink,
  payments: PaymentPorts,
): readonly Endpoint[] => [
  ...clientEndpoints,
  ...memberEndpoints,
  ...termEndpoints,
  ...catalogueEndpoints,
  ...usageEndpoints,
  ...correctionEndpoints,
  ...invoiceEndpoints,
  ...invoicePdfEndpoints(signLink),
  ...evidenceEndpoints,
  ...invoiceLinkEndpoints(signLink),
  ...paymentEndpoints(payments),
  ...creditEndpoints,
  ...topUpEndpoints,
  ...itemEndpoints,
  ...budgetEndpoints,
  ...payoutEndpoints,
  ...journalEndpoints,
  ...deliveryEndpoints,
  ...operationEndpoints,
  ...settingEndpoints,
  ...auditEndpoints,
  ...personalDataEndpoints,
  ...agentKeyEndpoints,
];
