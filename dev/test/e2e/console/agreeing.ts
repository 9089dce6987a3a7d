import { deepStrictEqual, match } from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import { listReconciliations } from "../../../../shared/api/operations.ts";
import { billingClient } from "../../../../shared/client/billing-client.ts";
import { card, journey, open, sql, visit } from "../../support/console-visit.ts";
import { platform } from "../../support/platform-env.ts";

// Whether Stripe agrees.

const billing = billingClient(createClient(platform.apiUrl, platform.secretKey));

/** Notes a reconciliation that is finished, as the function does. */
async function reconciled(at: string, left: Record<string, string>[]): Promise<void> {
  await sql`
    insert into billing.stripe_reconciliations
      (livemode, days, since, report, started_at, worked_at, finished_at)
    select false, 30, at - interval '30 days', ${sql.json({ missed_events: 2, told: 1, left })}, at,
      at, at + interval '1 minute'
    from (select ${at}::timestamptz as at) t`;
}

Deno.test(
  "an operator sees where Stripe and the books differ, and what to do",
  journey,
  () =>
    visit(({ operator }) => operator, async ({ page, complaints }, world) => {
      await reconciled("2099-01-01T04:50:00Z", [{
        kind: "paid",
        number: world.invoiceNumber,
        stripe_invoice_id: "in_1",
        ours: "0 USD",
        stripes: "400 USD",
      }]);
      await open(page, "#/stripe");
      match(
        await card(page, "Agreement"),
        /1 difference left .*in_1 0 USD 400 USD Compare the payments of both sides/,
      );
      const told = await billing(listReconciliations, { query: { limit: 1 } });
      deepStrictEqual(
        told.data?.data.map(({ left_count, missed_events }) => [left_count, missed_events]),
        [[1, 2]],
      );
      await page.getByRole("link", { name: world.invoiceNumber }).click();
      await page.getByRole("group", { name: "Acts" }).waitFor();
      await reconciled("2099-01-02T04:50:00Z", []);
      await open(page, "#/stripe");
      match(await card(page, "Agreement"), /Stripe and the books agree/);
      match(await card(page, "Reconciliations"), /30 days done 2 1 0 0 .* 30 days done 2 1 0 1/);
      deepStrictEqual(complaints, []);
      await sql`delete from billing.stripe_reconciliations where started_at >= '2099-01-01'`;
    }),
);
