import { Command } from "commander";
import postgres from "postgres";
import { CommandFailed, type Terminal } from "../command-line.ts";
import { show } from "../show.ts";

/** What the command is given from outside. */
export interface ComparePorts {
  readonly terminal: Terminal;
  /** The database that is meant where the command line names none. */
  readonly databaseUrl: string | undefined;
}

/** Adds `compare-months`, for a database that `npm run adopt` has taken over. */
export function compareCommand(program: Command, { terminal, databaseUrl }: ComparePorts): void {
  program.command("compare-months")
    .description("What the earlier system would have billed beside what is billed here, and why")
    .argument("<months...>", "YYYY-MM")
    .option("--db-url <url>", "the adopted database; SUPABASE_DB_URL where left out")
    .option("--json", "print JSON")
    .action(async (months: string[], { json, dbUrl }) => {
      for (const month of months) {
        if (!/^\d{4}-(0[1-9]|1[0-2])$/.test(month)) {
          throw new Error(`${month} is no month (YYYY-MM)`);
        }
      }
      const url = dbUrl ?? databaseUrl;
      if (url === undefined) throw new Error("--db-url is missing");
      const rows = await compareMonths(url, months);
      if (rows === null) {
        terminal.error(
          "This database was not adopted: there is no earlier system to compare with.",
        );
        throw new CommandFailed();
      }
      show(terminal, json, rows, COLUMNS);
    });
}

const COLUMNS = [
  "month",
  "client",
  "item",
  "quantity_before",
  "quantity_here",
  "amount_before",
  "amount_here",
  "difference",
  "why",
];

/** The comparison; null where the database was not adopted. Everything is rolled back. */
export async function compareMonths(
  databaseUrl: string,
  months: readonly string[],
): Promise<Record<string, unknown>[] | null> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  const rolledBack = new Error("rolled back");
  const rows: Record<string, unknown>[] = [];
  try {
    const [about] = await sql`
      select to_regprocedure('billing_adoption.compare_month(date)') is not null as adopted`;
    if (about?.adopted !== true) return null;
    await sql.begin(async (tx) => {
      for (const month of months) {
        rows.push(
          ...await tx`select ${month} as month, client, item, trim_scale(quantity_before)::text
              as quantity_before, trim_scale(quantity_here)::text as quantity_here,
            trim_scale(round(amount_before, 6))::text as amount_before,
            trim_scale(round(amount_here, 6))::text as amount_here,
            trim_scale(round(difference, 6))::text as difference, why
          from billing_adoption.compare_month(${`${month}-01`}::date)
          order by client, item = 'total', item`,
        );
      }
      throw rolledBack;
    }).catch((error: unknown) => {
      if (error !== rolledBack) throw error;
    });
    return rows;
  } finally {
    await sql.end({ timeout: 1 });
  }
}
