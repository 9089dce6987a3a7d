/** What the quiet clients use, and what is done to one of them that has been given credit. */
import { randomUUID } from "node:crypto";
import { attempt, glance } from "../attempt.ts";
import { DAY, monthOf } from "../calendar.ts";
import { IDLERS, idOf, LEAVER, modelOf, MODERN, OVERPAID, SUBSCRIBER } from "../cast.ts";
import type { LogRow } from "../log-rows.ts";
import type { Actor, Stage } from "../stage.ts";
import { putItem } from "./accountants.ts";
import { insertQuietly } from "./writers.ts";

/** One call of one of them, also of one that is not served at the time. */
export function idleTenants(stage: Stage): Actor {
  const some = [IDLERS[0], MODERN, LEAVER, SUBSCRIBER] as const;
  let turn = 0;
  return {
    name: "idle tenants",
    pauseMs: 4000,
    act: async (random) => {
      const one = some[turn++ % some.length] ?? MODERN;
      const at = stage.calendar.now();
      const row = quietCall(one.agents[0] ?? "", at);
      await insertQuietly(stage, "idle tenants", [{
        ...row,
        model: one === MODERN ? modelOf(monthOf(at)) : row.model,
        input_tokens: random.between(1, 90_000),
        web_searches: random.below(4),
      }]);
    },
  };
}

/** A call of nothing yet. */
export function quietCall(agent: string, at: Date): LogRow {
  return {
    id: randomUUID(),
    agent,
    model: "gpt-4o",
    input_tokens: 0,
    output_tokens: 0,
    web_searches: 0,
    other_features: {},
    metadata: {},
    timestamp: at.toISOString(),
  };
}

/**
 * Every other month: 10.00 are invoiced, 8.00 of them given back, then the usage turns out to be
 * half of it, so that 3.00 cannot be credited; then 5.00 of another kind come late, and an item.
 */
export function overpaid(stage: Stage): Actor {
  const { sql, history, ledger, calendar } = stage;
  const [agent = ""] = OVERPAID.agents;
  const touches = [`client ${OVERPAID.name}`, `agent ${agent}`];
  let used: { readonly row: LogRow; readonly month: string } | undefined;
  let corrected: number | undefined;
  const tell = (what: string, work: () => Promise<string>) =>
    attempt(history, { actor: "benefactor", what, touches }, work);
  const use = async (at: Date) => {
    const [row] = await insertQuietly(stage, "benefactor", [
      { ...quietCall(agent, at), web_searches: 1000 },
    ]);
    if (row !== undefined) used = { row, month: monthOf(at) };
  };
  const giveBack = async ({ row, month }: NonNullable<typeof used>, at: Date) => {
    const [invoice] = await glance(sql<{ id: string }[]>`
      select i.id from public.invoices i where i.client_id = ${idOf(OVERPAID)}
        and i.period_start = ${month} and i.kind = 'period' and i.status in ('open', 'paid')`);
    if (invoice === undefined) return;
    const note = await tell("8.00 are given back", async () => {
      const [made] = await sql<{ number: string }[]>`select billing.issue_credit_note(
        ${invoice.id}, 'goodwill', 800, as_of => ${at}) as number`;
      return made?.number ?? "";
    });
    if (note.outcome === "done") ledger.accept({ kind: "credit_note", key: note.value, touches });
    const log = await tell(`log ${row.id} was half as much`, async () => {
      const [made] = await sql<{ id: string | null }[]>`
        select billing.correct_log(${row.id}, '{"web_searches": 500}', 'torture') as id`;
      return made?.id ?? "";
    });
    if (log.outcome === "done" && log.value !== "") {
      ledger.accept({ kind: "correction", key: log.value, touches });
    }
    corrected = at.getTime();
  };
  const comeLate = async ({ row }: NonNullable<typeof used>) => {
    const late = quietCall(agent, new Date(row.timestamp));
    await insertQuietly(stage, "benefactor", [{ ...late, other_features: { crawls: 100 } }]);
    await putItem(stage, OVERPAID, "25");
    [used, corrected] = [undefined, undefined];
  };
  return {
    name: "benefactor",
    pauseMs: 1500,
    act: async () => {
      const at = calendar.now();
      if (used === undefined) await use(at);
      else if (corrected === undefined) await giveBack(used, at);
      else if (at.getTime() - corrected > 4 * DAY) await comeLate(used);
    },
  };
}
