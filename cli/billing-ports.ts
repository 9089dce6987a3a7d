import type { BillingClient } from "../shared/client/billing-client.ts";
import type { SignToken } from "./agent-token.ts";
import type { Terminal } from "./command-line.ts";
import type { Progress } from "./terminal/progress.ts";

/** What the commands are given from outside. */
export interface BillingPorts {
  readonly connect: () => BillingClient;
  readonly terminal: Terminal;
  readonly progress: Progress;
  readonly signToken: SignToken;
}
