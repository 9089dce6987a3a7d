import * as audit from "./audit.ts";
import * as agentKeys from "./agent-keys.ts";
import * as budgets from "./budgets.ts";
import * as catalogue from "./catalogue.ts";
import * as clients from "./clients.ts";
import * as credits from "./credits.ts";
import * as deliveries from "./deliveries.ts";
import * as events from "./events.ts";
import * as evidence from "./evidence.ts";
import * as invoiceLinks from "./invoice-links.ts";
import * as invoices from "./invoices.ts";
import * as items from "./items.ts";
import * as journal from "./journal.ts";
import * as members from "./members.ts";
import * as operations from "./operations.ts";
import * as personalData from "./personal-data.ts";
import * as payments from "./payments.ts";
import * as payouts from "./payouts.ts";
import type { Route } from "./route.ts";
import * as settings from "./settings.ts";
import * as terms from "./terms.ts";
import * as topUps from "./top-ups.ts";
import * as usage from "./usage.ts";

/**
 * Every operation of the HTTP API, in the order of the document: each route that one of these files
 * exports.
 */
export const ROUTES: readonly Route[] = [
  clients,
  members,
  terms,
  catalogue,
  usage,
  invoices,
  evidence,
  invoiceLinks,
  payments,
  credits,
  topUps,
  items,
  budgets,
  deliveries,
  payouts,
  journal,
  operations,
  settings,
  audit,
  personalData,
  agentKeys,
  events,
].flatMap((file) => Object.values(file).filter(isRoute));

function isRoute(exported: unknown): exported is Route {
  return typeof exported === "object" && exported !== null && "method" in exported &&
    "path" in exported;
}
