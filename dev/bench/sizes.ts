/** How much is measured. Ratios hardly depend on it; history and clients are what could matter. */
export interface Sizes {
  readonly name: string;
  /** Rows per round of the ingest measurements. */
  readonly ingestRows: number;
  /** Events per round over HTTP. */
  readonly httpEvents: number;
  /** Rows that one rollup counts. */
  readonly rollupRows: number;
  /** Log rows behind the live figures; `growth_logs` compares with a quarter of it. */
  readonly history: number;
  readonly spendClients: number;
  readonly spendReads: number;
  readonly freshnessSeconds: number;
  /** Clients of a month that closes; `growth_clients` compares with a quarter of it. */
  readonly closeClients: number;
  readonly closeRounds: number;
  /** Clients of the month that closes under hosted limits. */
  readonly hostedClients: number;
  /** Log rows of `big_log`. */
  readonly bigLogRows: number;
  readonly rlsReads: number;
  readonly documents: number;
  readonly webhookEvents: number;
  /** Invoices of a month that is reconciled with Stripe. */
  readonly reconciledInvoices: number;
  readonly referenceRows: number;
  readonly rounds: number;
  /** Rows of each of the `floods`. */
  readonly floodRows: number;
  /** Transactions that `ledger_post` posts. */
  readonly ledgerTransactions: number;
  /** Entries of the client whose balance is read, and how often it is. */
  readonly balanceEntries: number;
  readonly balanceReads: number;
  /** Usage records behind the console's pages, their clients, and how often each page is opened. */
  readonly consoleRecords: number;
  readonly consoleClients: number;
  readonly consoleRounds: number;
  /** Windows of each round of `window_push`; calls of `ingest_citus`. */
  readonly windows: number;
  readonly citusCalls: number;
  /** Clients of `bloat`, `dashboards` and `alerts_100k`. */
  readonly bloatClients: number;
  readonly dashboardClients: number;
  readonly alertClients: number;
}

const standard: Sizes = {
  name: "default",
  ingestRows: 200_000,
  httpEvents: 20_000,
  rollupRows: 5_000_000,
  history: 20_000_000,
  spendClients: 1000,
  spendReads: 300,
  freshnessSeconds: 15,
  closeClients: 10_000,
  closeRounds: 1,
  hostedClients: 100_000,
  bigLogRows: 100_000_000,
  rlsReads: 200,
  documents: 60,
  webhookEvents: 2000,
  reconciledInvoices: 10_000,
  referenceRows: 200_000,
  rounds: 3,
  floodRows: 1_000_000,
  ledgerTransactions: 50_000,
  balanceEntries: 100_000,
  balanceReads: 1000,
  consoleRecords: 1_000_000,
  consoleClients: 200,
  consoleRounds: 20,
  windows: 10_000,
  citusCalls: 100_000,
  bloatClients: 500,
  dashboardClients: 2000,
  alertClients: 100_000,
};

/** `quick` takes less than a minute on two cores; `small` is for machines without room for 25 million rows. */
export const sizes: Readonly<Record<"default" | "quick" | "small", Sizes>> = {
  default: standard,
  quick: {
    name: "quick",
    ingestRows: 10_000,
    httpEvents: 1000,
    rollupRows: 20_000,
    history: 40_000,
    spendClients: 50,
    spendReads: 20,
    freshnessSeconds: 2,
    closeClients: 100,
    closeRounds: 1,
    hostedClients: 200,
    bigLogRows: 500_000,
    rlsReads: 20,
    documents: 4,
    webhookEvents: 200,
    reconciledInvoices: 200,
    referenceRows: 5000,
    rounds: 1,
    floodRows: 8000,
    ledgerTransactions: 5000,
    balanceEntries: 4000,
    balanceReads: 50,
    consoleRecords: 10_000,
    consoleClients: 20,
    consoleRounds: 2,
    windows: 2000,
    citusCalls: 4000,
    bloatClients: 10,
    dashboardClients: 120,
    alertClients: 200,
  },
  small: {
    ...standard,
    name: "small",
    rollupRows: 1_000_000,
    hostedClients: 20_000,
    history: 4_000_000,
    bigLogRows: 5_000_000,
    floodRows: 100_000,
  },
};
