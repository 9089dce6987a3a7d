import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import type { Sql } from "postgres";
import { repositoryRoot } from "../../platform/repository.ts";
import { billJune, seedJune, withDeliveryWorld } from "../support/delivery-world.ts";

const pages = await Promise.all(
  ["operations", "switching-on", "upkeep", "backup", "upgrading"].map((page) =>
    Deno.readTextFile(join(repositoryRoot, "docs", `${page}.md`))
  ),
);
const text = pages.join("\n");

/** Each block of SQL with what the runbook says right after it. */
const blocks = [...text.matchAll(/```sql\n([^]*?)```\n+([^]*?)(?=\n```|\n#|$)/g)]
  .map(([, query = "", after = ""]) => ({ query, after }));
/** Statements inside sentences: `select billing.run_monthly();`. */
const inline = [...text.matchAll(/`((?:select|update)\s[^`]*)`/g)]
  .map(([, query = ""]) => ({ query: query.replace(/\s+/g, " "), after: "" }))
  .filter(({ query }) => !query.includes("`"));

/** Runs it as it is pasted, and takes it back; how many rows it showed. */
async function run(sql: Sql, query: string): Promise<number> {
  let rows = 0;
  const undo = new Error("taken back");
  await sql.begin(async (transaction) => {
    // The two secrets are created once per project: here, anew.
    await transaction`delete from vault.secrets where name like 'billing\\_%'`;
    // Something that has given up, to be tried again.
    if (query.includes("requeue")) {
      await transaction`update public.deliveries set state = 'dead', last_error = 'x'
        where kind = 'hermes' and state = 'done'`;
    }
    const [dead] = await transaction`select id from public.deliveries where state = 'dead'`;
    for (const statement of query.replace("(42)", `(${dead?.id ?? 0})`).split(/;\s*(?:\n|$)/)) {
      rows += (await transaction.unsafe(statement)).length;
    }
    throw undo;
  }).catch((error: unknown) => {
    if (error !== undo) throw new Error(`${query}\n${String(error)}`);
  });
  return rows;
}

Deno.test("every statement of the runbook runs, and says what is called normal after a good month", () =>
  withDeliveryWorld(async ({ sql, work }) => {
    await sql`select _billing.schedule_jobs()`;
    await seedJune(sql, 2);
    await billJune(sql);
    await work();
    ok(blocks.length > 12 && inline.length > 4, `${blocks.length} blocks, ${inline.length} inline`);
    for (const { query, after } of [...blocks, ...inline]) {
      const rows = await run(sql, query);
      if (after.startsWith("Normal: no rows")) strictEqual(rows, 0, query);
    }
    const listed = [...text.matchAll(/^\| `(billing-[a-z-]+)`/gm)].map(([, name]) => name).sort();
    const jobs = await sql`select name from billing.jobs where name !~ 'stripe' order by name`;
    deepStrictEqual(listed, jobs.map(({ name }) => name), "the runbook lists every job");
  }));
