import { Command } from "commander";
import postgres from "postgres";
import { CommandFailed, type Terminal } from "../command-line.ts";
import { AdoptionRefused, type AdoptOptions, apply, dryRun, undo } from "./adopt.ts";
import type { Migration } from "./migrations.ts";

/** What the command is given from outside. */
export interface AdoptCommandPorts {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readMigrations: () => Promise<Migration[]>;
}

/** `npm run adopt`: takes over a database in which an earlier billing system lives. */
export function adoptCommand({ terminal, env, readMigrations }: AdoptCommandPorts): Command {
  return new Command("adopt")
    .description("Take over a database that has agents' logs and an earlier billing system")
    .option("--db-url <url>", "the database, as its owner; SUPABASE_DB_URL where left out")
    .option("--apply", "do it; without this nothing is changed")
    .option("--undo", "go back, as long as no invoice was issued here")
    .option(
      "--cut-over <day...>",
      "first day that is billed here: YYYY-MM-DD for all, CLIENT=YYYY-MM-DD for one",
    )
    .option(
      "--logs-from <day>",
      "first day whose logs are taken; the first cut-over day where left out",
    )
    .option("--stripe-mode <mode>", "live or test: of which mode the Stripe customers are")
    .option("--move-other-log", "move an agent_usage_logs that holds no usage out of the way")
    .action(async (given) => {
      const url = given.dbUrl ?? env.SUPABASE_DB_URL;
      if (url === undefined) throw new Error("--db-url is missing");
      if (given.apply && given.undo) throw new Error("--apply and --undo exclude each other");
      const options = optionsOf(given, env);
      const sql = postgres(url, { max: 1, onnotice: () => {}, connect_timeout: 10 });
      try {
        const ports = { sql, migrations: await readMigrations(), out: terminal.out };
        if (given.undo) await undo(ports);
        else if (given.apply) await apply(options, ports);
        else await dryRun(options, ports);
      } catch (error) {
        if (!(error instanceof AdoptionRefused)) throw error;
        terminal.error(error.message);
        throw new CommandFailed();
      } finally {
        await sql.end({ timeout: 1 });
      }
    });
}

const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** Reads the options. Throws where one is not understood. */
export function optionsOf(
  given: {
    cutOver?: string[];
    logsFrom?: string;
    stripeMode?: string;
    moveOtherLog?: boolean;
  },
  env: Readonly<Record<string, string | undefined>>,
): AdoptOptions {
  const cutOvers: Record<string, string> = {};
  let cutOver: string | null = null;
  for (const value of given.cutOver ?? []) {
    const at = value.lastIndexOf("=");
    const day = value.slice(at + 1);
    if (!DAY.test(day)) throw new Error(`--cut-over ${value} is no day (YYYY-MM-DD)`);
    if (at === -1) cutOver = day;
    else cutOvers[value.slice(0, at)] = day;
  }
  const mode = given.stripeMode ?? (env.STRIPE_API_KEY?.startsWith("sk_test_") ? "test" : "live");
  if (mode !== "live" && mode !== "test") throw new Error(`--stripe-mode is live or test`);
  if (given.logsFrom !== undefined && !DAY.test(given.logsFrom)) {
    throw new Error(`--logs-from ${given.logsFrom} is no day (YYYY-MM-DD)`);
  }
  return {
    cutOver,
    cutOvers,
    logsFrom: given.logsFrom ?? null,
    isLive: mode === "live",
    moveOtherLog: given.moveOtherLog ?? false,
  };
}
