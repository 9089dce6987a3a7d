/** The access matrix of buckets, endpoints and edge functions; see matrix.ts. */

/** Private buckets of Storage: roles beside the service that list or read files; a policy each. */
export const BUCKETS: Readonly<Record<string, readonly string[]>> = {
  invoices: [],
  "usage-logs": [],
};

const staff = ["operator", "service"];
const readers = ["operator", "service", "member"];
const jobs = ["operator", "service", "cron"];

/** Who may call an operation of the HTTP API; the others get 401 (nobody) or 403. */
export const ENDPOINTS: Readonly<Record<string, readonly string[]>> = {
  listClients: readers,
  createClient: staff,
  getClient: readers,
  updateClient: staff,
  // Of members those whose role is admin: `ROLE_NEEDED` below.
  listMembers: readers,
  addMember: readers,
  updateMember: readers,
  removeMember: readers,
  listAssignments: readers,
  createAssignment: staff,
  updateAssignment: staff,
  removeAssignment: staff,
  listConfigs: readers,
  createConfig: staff,
  previewConfig: staff,
  updateConfig: staff,
  removeConfig: staff,
  explainPrice: readers,
  listPrices: readers,
  createPrice: staff,
  updatePrice: staff,
  removePrice: staff,
  listModels: staff,
  syncListPrices: staff,
  listPriceProposals: staff,
  acceptPriceProposal: staff,
  refusePriceProposal: staff,
  listPriceSources: staff,
  updatePriceSource: staff,
  listPricePolicies: staff,
  setPricePolicy: staff,
  resolveModel: staff,
  clientUsage: readers,
  allUsage: staff,
  listReconciliations: staff,
  monthlyUsage: staff,
  dailyUsage: staff,
  clientMargins: staff,
  rollupUsage: jobs,
  clientSpend: readers,
  listCalls: readers,
  correctCall: staff,
  listInvoices: readers,
  openSums: readers,
  generateInvoice: staff,
  previewInvoice: staff,
  getInvoice: readers,
  listInvoiceLines: readers,
  signInvoicePdf: readers,
  invoiceEvidence: readers,
  createInvoiceLink: staff,
  endInvoiceLinks: staff,
  // The token of the link decides.
  openInvoiceLink: ["anon", "member", "operator", "agent", "cron", "service"],
  linkEvidence: ["anon", "member", "operator", "agent", "cron", "service"],
  finalizeInvoice: staff,
  releaseInvoice: staff,
  voidInvoice: staff,
  regenerateInvoice: staff,
  creditInvoice: staff,
  recordPayment: staff,
  writeOffInvoice: staff,
  getPaymentTerms: staff,
  updatePaymentTerms: staff,
  // Of members those from billing on, as `ROLE_NEEDED` says.
  createPortalSession: readers,
  createSetupSession: readers,
  listDeliveries: staff,
  retryDelivery: staff,
  listPayouts: staff,
  payoutLines: staff,
  exportJournal: staff,
  exportJournalLayout: staff,
  runMonth: jobs,
  listRuns: staff,
  listJobs: staff,
  listQuarantine: staff,
  resolveQuarantine: staff,
  clientStatement: readers,
  grantCredit: staff,
  listCredits: readers,
  creditBalance: readers,
  // To buy credit and to set recharges and budgets takes a role, as `ROLE_NEEDED` says.
  requestTopUp: readers,
  listTopUps: readers,
  getAutoRecharge: readers,
  setAutoRecharge: readers,
  listItems: staff,
  addItem: staff,
  getBudget: readers,
  setBudget: readers,
  removeBudget: readers,
  reconcile: staff,
  health: jobs,
  getSettings: staff,
  updateSettings: staff,
  listAudit: staff,
  exportAudit: staff,
  exportAuditCsv: staff,
  verifyAudit: staff,
  exportPersonalData: staff,
  erasePersonalData: staff,
  listAgentKeys: staff,
  createAgentKey: staff,
  rotateAgentKey: staff,
  revokeAgentKey: staff,
  openApi: ["anon", "member", "operator", "agent", "cron", "service"],
  ingestUsage: ["service", "agent", "keyed"],
};

/** The roles of members, each of which may what those before it may. */
export const ROLES = ["viewer", "billing", "admin"] as const;

/**
 * What only members from a role on may do, with a request that changes little: the others get 403
 * `role_required`. Of endpoints that are not here, members may do what the list above says.
 */
export const ROLE_NEEDED: Readonly<
  Record<string, { readonly role: "billing" | "admin"; readonly body?: object }>
> = {
  listMembers: { role: "admin" },
  addMember: { role: "admin", body: { email: "nobody@example.test" } },
  updateMember: { role: "admin", body: { role: "admin" } },
  removeMember: { role: "admin" },
  createPortalSession: { role: "billing", body: { return_url: "https://elsewhere.example/" } },
  createSetupSession: { role: "billing", body: { return_url: "https://elsewhere.example/" } },
  requestTopUp: { role: "billing", body: { amount_minor: 100, reference: "the matrix" } },
  setAutoRecharge: {
    role: "billing",
    body: { threshold_minor: 1, target_minor: 2, monthly_cap_minor: 9, paused: true },
  },
  setBudget: { role: "billing", body: { amount_minor: 1_000_000 } },
  removeBudget: { role: "billing" },
};

/** Acts that take a second factor where settings ask for it, and what they send. */
export const GUARDED: Readonly<Record<string, (client: string, user: string) => object>> = {
  addMember: (_, user) => ({ user_id: user }),
  removeMember: () => ({}),
  createConfig: (client_id) => ({ client_id, effective_from: "2040-01-01", minimum_minor: 1 }),
  previewConfig: (client_id) => ({
    client_id,
    effective_from: "2040-01-01",
    minimum_minor: 1,
  }),
  updateConfig: () => ({ minimum_minor: 2 }),
  removeConfig: () => ({}),
  createPrice: (client_id) => ({
    client_id,
    metric: "web_search",
    unit_amount: "1",
    effective_from: "2040-01-01",
  }),
  syncListPrices: () => ({
    source: "litellm",
    sha256: "0".repeat(64),
    fetched_at: "2026-06-01T00:00:00Z",
    total: 1,
    models: [{
      id: "listed",
      provider: "p",
      mode: null,
      alias_of: null,
      deprecated_on: null,
      prices: [],
    }],
  }),
  updatePriceSource: () => ({ enabled: false }),
  setPricePolicy: (client_id) => ({ client_id, policy: "decide" }),
  acceptPriceProposal: () => ({ reason: "announced" }),
  refusePriceProposal: () => ({ reason: "not yet" }),
  updatePrice: () => ({ unit_amount: "2" }),
  removePrice: () => ({}),
  releaseInvoice: () => ({ reason: "x" }),
  voidInvoice: () => ({ reason: "x" }),
  regenerateInvoice: () => ({}),
  createInvoiceLink: () => ({}),
  creditInvoice: () => ({ reason: "x" }),
  grantCredit: () => ({ amount_minor: 1, reference: "x" }),
  requestTopUp: () => ({ amount_minor: 1, reference: "x" }),
  setAutoRecharge: () => ({ threshold_minor: 1, target_minor: 2, monthly_cap_minor: 9 }),
  correctCall: () => ({ action: "retract", reason: "x" }),
  addItem: () => ({ description: "x", unit_amount: "1" }),
  updateSettings: () => ({ seller_website: "https://example.com" }),
  recordPayment: () => ({ amount_minor: 1, reference: "x" }),
  writeOffInvoice: () => ({}),
  erasePersonalData: () => ({ reason: "x" }),
  updateMember: () => ({ role: "billing" }),
  updatePaymentTerms: () => ({ mailed_by: "us" }),
  createAgentKey: (client) => ({ name: "x", client_ids: [client] }),
  rotateAgentKey: () => ({}),
  revokeAgentKey: () => ({}),
};

/** Acts that take none, and why: with the list above they are all that is no GET. */
export const FREE: Readonly<Record<string, string>> = {
  createClient: "terms, prices and members are what bills it, and these are guarded",
  updateClient: "names, addresses and dates; no amount",
  createAssignment: "whose usage is; what it costs is guarded",
  updateAssignment: "as createAssignment",
  removeAssignment: "as createAssignment",
  rollupUsage: "counts what was logged",
  generateInvoice: "a draft by guarded prices and terms",
  previewInvoice: "nothing is kept",
  finalizeInvoice: "issues what guarded prices and terms say, or is held",
  retryDelivery: "sends again what was to be sent",
  runMonth: "what the daily job does",
  resolveQuarantine: "its prices and dismissals ask themselves",
  ingestUsage: "keys of agents and the service, no user",
  endInvoiceLinks: "closes what was open",
  openInvoiceLink: "a caller with a link reads its invoice",
  linkEvidence: "as openInvoiceLink",
  setBudget: "what is told of, and no amount that is billed",
  removeBudget: "as setBudget",
  createPortalSession: "a page of Stripe's, where the client's own methods are",
  createSetupSession: "as createPortalSession",
};

/** Edge functions that are not made of endpoints, with their callers. */
export const FUNCTIONS: Readonly<Record<string, readonly string[]>> = {
  "create-stripe-invoice": ["service", "cron"],
  deliver: ["cron"],
  "reconcile-stripe": ["service", "cron"],
  "render-invoice": readers,
  // Stripe has no key of ours: the handler refuses requests without its signature.
  "stripe-webhook": [
    "anon",
    "garbled",
    "member",
    "operator",
    "agent",
    "keyed",
    "signed",
    "cron",
    "service",
  ],
};

/** Edge functions whose endpoints are listed above. */
export const ENDPOINT_FUNCTIONS = ["billing", "ingest-usage"];
