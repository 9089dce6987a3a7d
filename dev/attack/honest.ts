import { setTimeout } from "node:timers/promises";
import type { AttackWorld } from "./world.ts";

/** How somebody honest fared. */
export interface Fared {
  readonly milliseconds: number[];
  /** Answers but success, with their count. */
  readonly failed: Map<string, number>;
}

/** Everybody honest: what they do, and how long it took them. */
export interface Honest {
  readonly insert: Fared;
  readonly webhook: Fared;
  readonly page: Fared;
  /** How far behind now the counted usage was, in milliseconds, each time that it was looked at. */
  readonly rollup: Fared;
  /** Log rows that the honest agent was told are stored. */
  stored: number;
}

const fared = (): Fared => ({ milliseconds: [], failed: new Map() });

/** Lets the honest do their work until `isOver`. */
export async function workHonestly(world: AttackWorld, isOver: () => boolean): Promise<Honest> {
  const honest: Honest = {
    insert: fared(),
    webhook: fared(),
    page: fared(),
    rollup: fared(),
    stored: 0,
  };
  await Promise.all([
    insertUsage(world, honest, isOver),
    receiveWebhooks(world, honest, isOver),
    readPages(world, honest, isOver),
    rollUp(world, honest, isOver),
    watchRollup(world, honest, isOver),
  ]);
  return honest;
}

/** As agents do, now through the Data API, now through ingest-usage. */
async function insertUsage(world: AttackWorld, honest: Honest, isOver: () => boolean) {
  const { api, victim } = world;
  for (let call = 0; !isOver(); call++) {
    const row = {
      agent: victim.agent,
      endpoint: "deep-research",
      model: "claude-sonnet-4-20250514",
      input_tokens: 1200,
      output_tokens: 350,
      timestamp: new Date().toISOString().replace("Z", "456"),
    };
    const direct = call % 2 === 0;
    const stored = await time(
      honest.insert,
      direct ? `${api}/rest/v1/agent_usage_logs` : `${api}/functions/v1/ingest-usage`,
      {
        method: "POST",
        headers: {
          ...direct ? victim.signed : victim.keyed,
          "content-type": "application/json",
          prefer: "return=minimal",
        },
        body: JSON.stringify(direct ? row : [row]),
      },
      (text) => direct || text.includes('"inserted":1'),
    );
    if (stored) honest.stored++;
    await setTimeout(60);
  }
}

async function receiveWebhooks(
  { api, victim }: AttackWorld,
  { webhook }: Honest,
  isOver: () => boolean,
) {
  while (!isOver()) {
    const body = JSON.stringify({
      id: `evt_${crypto.randomUUID().replaceAll("-", "")}`,
      object: "event",
      type: "customer.updated",
      created: Math.floor(Date.now() / 1000),
      livemode: false,
      data: { object: { id: "cus_nobody", object: "customer" } },
    });
    const headers = { "stripe-signature": victim.signWebhook(body) };
    await time(webhook, `${api}/functions/v1/stripe-webhook`, { method: "POST", headers, body });
    await setTimeout(300);
  }
}

async function readPages({ api, victim }: AttackWorld, { page }: Honest, isOver: () => boolean) {
  while (!isOver()) {
    await time(page, `${api}/functions/v1/billing/invoices`, { headers: victim.member });
    await setTimeout(200);
  }
}

async function rollUp({ sql }: AttackWorld, { rollup }: Honest, isOver: () => boolean) {
  while (!isOver()) {
    await setTimeout(5000);
    try {
      await sql`select billing.count_usage()`;
    } catch (error) {
      count(rollup.failed, String(error));
    }
  }
}

/** Usage is counted up to the watermark; a later row is not in any figure yet. */
async function watchRollup({ sql }: AttackWorld, { rollup }: Honest, isOver: () => boolean) {
  while (!isOver()) {
    await setTimeout(500);
    const [row] = await sql<{ behind: number }[]>`
      select extract(epoch from clock_timestamp() - moved_at)::float8 * 1000 as behind
      from billing.usage_watermark`;
    rollup.milliseconds.push(row?.behind ?? Infinity);
  }
}

async function time(
  { milliseconds, failed }: Fared,
  url: string,
  init: RequestInit,
  isDone: (text: string) => boolean = () => true,
): Promise<boolean> {
  const started = performance.now();
  const response = await fetch(url, init);
  const text = await response.text();
  milliseconds.push(performance.now() - started);
  if (response.ok && isDone(text)) return true;
  count(failed, `${response.status} ${text.slice(0, 120)}`);
  return false;
}

function count(failed: Map<string, number>, what: string): void {
  failed.set(what, (failed.get(what) ?? 0) + 1);
}
