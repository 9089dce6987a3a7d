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

/** Every operation of the HTTP API, in the order of the document. */
export const ROUTES: readonly Route[] = [
  clients.listClients,
  clients.createClientRoute,
  clients.getClient,
  clients.updateClient,
  members.listMembers,
  members.addMember,
  members.updateMember,
  members.removeMember,
  terms.listAssignments,
  terms.createAssignment,
  terms.updateAssignment,
  terms.removeAssignment,
  terms.listConfigs,
  terms.createConfig,
  terms.previewConfig,
  terms.updateConfig,
  terms.removeConfig,
  terms.explainPrice,
  terms.listPrices,
  terms.createPrice,
  terms.updatePrice,
  terms.removePrice,
  catalogue.listModels,
  catalogue.syncListPrices,
  catalogue.listPriceProposals,
  catalogue.acceptPriceProposal,
  catalogue.refusePriceProposal,
  catalogue.listPriceSources,
  catalogue.updatePriceSource,
  catalogue.listPricePolicies,
  catalogue.setPricePolicy,
  catalogue.resolveModel,
  usage.clientUsage,
  usage.allUsage,
  usage.monthlyUsage,
  usage.dailyUsage,
  usage.clientMargins,
  usage.rollupUsage,
  usage.clientSpend,
  usage.listCalls,
  usage.correctCall,
  invoices.listInvoices,
  invoices.openSums,
  invoices.generateInvoice,
  invoices.previewInvoice,
  invoices.getInvoice,
  invoices.listInvoiceLines,
  invoices.signInvoicePdf,
  evidence.invoiceEvidence,
  invoiceLinks.createInvoiceLink,
  invoiceLinks.endInvoiceLinks,
  invoiceLinks.openInvoiceLink,
  invoiceLinks.linkEvidence,
  invoices.finalizeInvoice,
  invoices.releaseInvoice,
  invoices.voidInvoice,
  invoices.regenerateInvoice,
  invoices.creditInvoice,
  invoices.recordPayment,
  invoices.writeOffInvoice,
  payments.getPaymentTerms,
  payments.updatePaymentTerms,
  payments.createPortalSession,
  payments.createSetupSession,
  credits.grantCredit,
  credits.listCredits,
  credits.creditBalance,
  topUps.requestTopUp,
  topUps.listTopUps,
  topUps.getAutoRecharge,
  topUps.setAutoRecharge,
  items.listItems,
  items.addItem,
  budgets.getBudget,
  budgets.setBudget,
  budgets.removeBudget,
  deliveries.listDeliveries,
  deliveries.retryDelivery,
  payouts.listPayouts,
  payouts.payoutLines,
  journal.exportJournal,
  journal.exportJournalLayout,
  operations.runMonth,
  operations.listRuns,
  operations.listReconciliations,
  operations.listJobs,
  operations.listQuarantine,
  operations.resolveQuarantine,
  operations.clientStatement,
  operations.reconcile,
  operations.health,
  settings.getSettings,
  settings.updateSettings,
  audit.listAudit,
  audit.exportAudit,
  audit.exportAuditCsv,
  audit.verifyAudit,
  personalData.exportPersonalData,
  personalData.erasePersonalData,
  operations.openApi,
  agentKeys.listAgentKeys,
  agentKeys.createAgentKey,
  agentKeys.rotateAgentKey,
  agentKeys.revokeAgentKey,
  events.ingestUsage,
];
