import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { Page } from "playwright-core";
import { card, journey, open, sql, visit } from "../../support/console-visit.ts";
import { newCustomer } from "../../support/console-world.ts";

// Figures that move are asked for again by themselves, less and less often while they stand still.

/** Lets so much time pass, and waits for the answer about the spend that it brings. */
async function spendAfter(page: Page, milliseconds: number): Promise<void> {
  const answer = page.waitForResponse((response) => response.url().endsWith("/spend"));
  await page.clock.fastForward(milliseconds);
  await (await answer).finished();
  // Another card may have asked at the same moment.
  await setTimeout(500);
}

Deno.test(
  "the spend is shown anew without a reload, and asked for half as often once it stands still",
  journey,
  async () => {
    const customer = await newCustomer(sql);
    await visit(() => customer, async ({ page, complaints }) => {
      await page.clock.install();
      await page.reload();
      await open(page, "#/");
      match(await card(page, "Spend so far"), /\$0\.00/);
      await sql`insert into public.agent_usage_logs (agent, client_id, model, output_tokens)
        values (${customer.clientId}, ${customer.clientId}, 'live', 6000000)`;
      await sql`select billing.count_usage()`;
      await spendAfter(page, 31_000);
      // 6,000,000 tokens at 1.00 a million are 6.00.
      await page.getByText("$6.00").first().waitFor();
      let asked = 0;
      page.on("request", (request) => {
        if (request.url().endsWith("/spend") && request.method() === "GET") asked++;
      });
      // The same answer after half a minute: the next question comes after a whole one.
      await spendAfter(page, 31_000);
      const before = asked;
      await page.clock.fastForward(31_000);
      await setTimeout(500);
      strictEqual(asked, before, "it is not asked again after half a minute");
      await spendAfter(page, 31_000);
      deepStrictEqual(complaints.filter((text) => !text.includes("404")), []);
    });
  },
);
