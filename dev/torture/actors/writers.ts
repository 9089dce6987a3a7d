/** Agents that log their calls, by each way in, and not always well-behaved. */
import type { TransactionSql } from "postgres";
import { z } from "zod";
import type { Random } from "../../test/support/random.ts";
import { attempt } from "../attempt.ts";
import { post } from "../http.ts";
import type { Answer } from "../ledger.ts";
import { contradicted, type LogRow, offerOf, randomRows, touchedBy } from "../log-rows.ts";
import type { Actor, Outside, Stage } from "../stage.ts";

/** Rows kept to be sent again or corrected. */
const REMEMBERED = 400;

/** Inserts by SQL: one statement, several in a transaction, or one that stays open for seconds. */
export function sqlWriter(stage: Stage, name: string, mostOpenMs: number): Actor {
  return {
    name,
    pauseMs: 700,
    act: async (random) => {
      if (stage.isQuiet()) return;
      const rows = randomRows(random, stage.calendar.now(), 100);
      const open = random.chance(20) ? random.below(mostOpenMs) : 0;
      const taken = random.chance(6) ? recentRow(stage, random) : undefined;
      const all = taken === undefined ? rows : [...rows, contradicted(taken)];
      await write(stage, name, all, "insert", async () => {
        await stage.sql.begin(async (tx) => {
          if (open > 0) {
            const [first = all[0], ...others] = all;
            if (first !== undefined) await insert(tx, [first]);
            await tx`select pg_sleep(${open / 1000})`;
            if (others.length > 0) await insert(tx, others);
          } else await insert(tx, all);
        });
        return "accepted";
      });
    },
  };
}

/** Inserts calls that none of the correctors hears of; gives those that are there for certain. */
export async function insertQuietly(
  stage: Stage,
  actor: string,
  rows: readonly LogRow[],
): Promise<readonly LogRow[]> {
  const kept: LogRow[] = [];
  await write(stage, actor, rows, "insert", async () => {
    await stage.sql.begin((tx) => insert(tx, rows));
    return "accepted";
  }, kept);
  return kept;
}

/** Posts to the Data API, all or nothing. */
export function apiWriter(stage: Stage, { platform }: Outside): Actor {
  const url = `${platform.urls.api}/rest/v1/agent_usage_logs`;
  const { secret } = platform.keys;
  return {
    name: "api writer",
    pauseMs: 900,
    act: async (random) => {
      if (stage.isQuiet()) return;
      const rows = randomRows(random, stage.calendar.now(), 40);
      await write(stage, "api writer", rows, "post", async () => {
        const headers = { authorization: `Bearer ${secret}`, prefer: "return=minimal" };
        await post({ url, key: secret, body: withSameKeys(rows), headers, mayRefuse: [409] });
        return "accepted";
      });
    },
  };
}

/** The Data API wants every object of an array to have the same keys. */
function withSameKeys(rows: readonly LogRow[]) {
  return rows.map((row) => ({ client_id: null, ...row }));
}

const ingested = z.object({ results: z.array(z.object({ result: z.string() })) });

/** Sends batches to the function. */
export function functionWriter(stage: Stage, { platform }: Outside): Actor {
  const url = `${platform.urls.api}/functions/v1/ingest-usage`;
  const { agentSecret } = platform.keys;
  return ingester(stage, "function writer", (rows) => post({ url, key: agentSecret, body: rows }));
}

/** Calls what is behind the function. */
export function rpcWriter(stage: Stage): Actor {
  return ingester(stage, "rpc writer", async (rows) => ({
    results: await stage.sql`
      select result from billing.ingest_usage(${JSON.stringify(rows)}::text::jsonb)`,
  }));
}

/** Sends batches, some rows again, some with other content under the same id. */
function ingester(
  stage: Stage,
  name: string,
  send: (rows: readonly LogRow[]) => Promise<unknown>,
): Actor {
  return {
    name,
    pauseMs: 900,
    act: async (random) => {
      if (stage.isQuiet()) return;
      const again = recentRow(stage, random);
      const other = recentRow(stage, random);
      const rows = [
        ...randomRows(random, stage.calendar.now(), 60),
        ...again !== undefined && random.chance(50) ? [again] : [],
        ...other !== undefined && other.id !== again?.id && random.chance(50)
          ? [contradicted(other)]
          : [],
      ];
      await write(stage, name, rows, "ingest", async () => {
        return ingested.parse(await send(rows)).results.map(({ result }): Answer =>
          result === "inserted" || result === "duplicate" ? "accepted" : "refused"
        );
      });
    },
  };
}

/** Offers rows in one transaction and notes what was said of them. */
async function write(
  stage: Stage,
  actor: string,
  rows: readonly LogRow[],
  how: string,
  send: () => Promise<Answer | readonly Answer[]>,
  recent: LogRow[] = stage.recent,
): Promise<void> {
  const batch = stage.ledger.offer(rows.map(offerOf));
  const result = await attempt(stage.history, {
    actor,
    what: `${how} ${rows.length} rows, batch ${batch}`,
    touches: [`batch ${batch}`, ...touchedBy(rows)],
    mayFailBy: ["23505"],
  }, send);
  if (result.outcome === "done") {
    stage.ledger.settle(batch, result.value);
    const { value } = result;
    const kept = rows.filter((_, index) =>
      (typeof value === "string" ? value : value[index]) === "accepted"
    );
    recent.push(...kept.slice(0, 20));
    recent.splice(0, Math.max(recent.length - REMEMBERED, 0));
  } else if (result.outcome !== "unknown") stage.ledger.settle(batch, "refused");
}

function recentRow({ recent }: Stage, random: Random): LogRow | undefined {
  return recent[random.below(Math.max(recent.length, 1))];
}

async function insert(tx: TransactionSql, rows: readonly LogRow[]): Promise<void> {
  await tx`
    insert into public.agent_usage_logs (id, agent, model, input_tokens, output_tokens,
      web_searches, other_features, metadata, "timestamp", client_id)
    select id, agent, model, input_tokens, output_tokens, web_searches, other_features, metadata,
      "timestamp", client_id
    from jsonb_populate_recordset(null::public.agent_usage_logs,
      ${JSON.stringify(rows)}::text::jsonb)`;
}
