import type { Sql } from "postgres";
import type { Violation } from "../history.ts";
import type { Fact, Ledger } from "../ledger.ts";

/** What was accepted is there, once, as it was accepted; and nothing else is. */
export async function checkLogs(sql: Sql, ledger: Ledger): Promise<Violation[]> {
  const stored = new Map<string, string>();
  const violations: Violation[] = [];
  const query = sql<{ id: string; print: string; corrects: boolean }[]>`
    select id, corrects_id is not null as corrects, concat_ws(' ', agent, model,
      concat_ws('/', input_tokens, output_tokens, web_searches,
        coalesce(other_features ->> 'crawls', '')),
      to_char("timestamp" at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
      coalesce(client_id::text, '')) as print
    from public.agent_usage_logs`;
  for await (const rows of query.cursor(5000)) {
    for (const { id, print, corrects } of rows) {
      const about = [`agent ${print.split(" ")[0]}`];
      if (corrects) continue;
      if (stored.has(id)) {
        violations.push({ check: "logs", about, detail: `log ${id} is stored twice` });
      } else if (!ledger.knows(id)) {
        violations.push({ check: "logs", about, detail: `log ${id} was offered by nobody` });
      }
      stored.set(id, print);
    }
  }
  return [
    ...violations,
    ...ledger.complaints(stored).map(({ batch, detail }) => ({
      check: "logs",
      about: [`batch ${batch}`],
      detail,
    })),
  ];
}

/** Whatever else was acknowledged is there too. */
export async function checkFacts(sql: Sql, { facts }: Ledger): Promise<Violation[]> {
  const found: Record<Fact["kind"], ReadonlySet<string>> = {
    payment: await keys(sql`select reference as key from public.payments`),
    credit_note: await keys(sql`select number as key from public.credit_notes`),
    invoice: await keys(sql`select number as key from public.invoices`),
    correction: await keys(sql`
      select id as key from public.agent_usage_logs where corrects_id is not null`),
    item: await keys(sql`select id as key from public.invoice_items`),
    run: await keys(sql`
      select to_char(as_of at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as key
      from billing.monthly_runs`),
  };
  return facts.filter(({ kind, key }) => !found[kind].has(key)).map(({ kind, key, touches }) => ({
    check: "acknowledged",
    about: touches,
    detail: `${kind} ${key} was acknowledged and is not there`,
  }));
}

async function keys(rows: Promise<readonly { key?: string }[]>): Promise<ReadonlySet<string>> {
  return new Set((await rows).map(({ key }) => key ?? ""));
}
