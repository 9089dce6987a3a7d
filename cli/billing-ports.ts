import type { BillingClient } from "../shared/client/billing-client.ts";
import type { SignToken } from "./agent-token.ts";
import type { InitPorts } from "./init-command.ts";
import type { Terminal } from "./command-line.ts";
import type { Progress } from "./terminal/progress.ts";

/** What the commands are given from outside. */
export interface BillingPorts {
  readonly connect: () => BillingClient;
  readonly terminal: Terminal;
  readonly progress: Progress;
  readonly signToken: SignToken;
  /** For `init`, which asks questions and writes the settings. */
  readonly init?: Pick<InitPorts, "ask" | "saveSeller" | "today">;
  /** Writes a long text of the API, by its address, to standard output as it comes. */
  readonly download?: (address: string) => Promise<void>;
  /** The database, for what the API does not offer. */
  readonly databaseUrl?: string | undefined;
}
