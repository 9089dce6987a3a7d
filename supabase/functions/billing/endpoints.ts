import type { Endpoint } from "../_shared/api/endpoint.ts";
import { clientEndpoints } from "./clients.ts";
import { deliveryEndpoints } from "./deliveries.ts";
import { invoiceEndpoints } from "./invoices.ts";
import { operationEndpoints } from "./operations.ts";
import { termEndpoints } from "./terms.ts";
import { usageEndpoints } from "./usage.ts";

/** Everything under `/billing`. */
export const billingEndpoints: readonly Endpoint[] = [
  ...clientEndpoints,
  ...termEndpoints,
  ...usageEndpoints,
  ...invoiceEndpoints,
  ...deliveryEndpoints,
  ...operationEndpoints,
];
