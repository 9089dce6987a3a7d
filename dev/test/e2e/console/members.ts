import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import type { Page } from "playwright-core";
import { confirm, invitedSession, preview } from "../../support/console-acts.ts";
import { journey, open, server, sql, visit } from "../../support/console-visit.ts";
import { newMember } from "../../support/console-world.ts";

// Journeys of members by their role.

/** Waits for the page of a member, and says which of the buttons and links it has. */
async function offered(page: Page, hash: string, names: readonly string[]): Promise<string[]> {
  await open(page, hash);
  await page.waitForLoadState("networkidle");
  const counts = await Promise.all(
    names.map(async (name) =>
      await page.getByRole("button", { name, exact: true }).count() +
      await page.getByRole("link", { name, exact: true }).count()
    ),
  );
  return names.filter((_, index) => (counts[index] ?? 0) > 0);
}

const OF_CREDIT = ["Top up", "Set recharge", "Open Stripe's page", "Members"];

async function topUpsOf(clientId: string): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count from public.top_ups where client_id = ${clientId}`;
  return row?.count ?? -1;
}

async function roleOf(email: string): Promise<string | undefined> {
  const [row] = await sql<{ role: string }[]>`
    select m.role from public.client_members m join auth.users u on u.id = m.user_id
    where u.email = ${email}`;
  return row?.role;
}

/** Tries to buy credit and returns what the dialog says to it. */
async function tryToTopUp(page: Page): Promise<string> {
  await preview(page, "Top up", { "Amount in USD": "5" });
  await page.getByRole("dialog").getByRole("button", { name: /^Confirm/ }).click();
  const said = page.getByRole("dialog").getByRole("alert");
  await said.waitFor();
  const text = await said.innerText();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  return text;
}

Deno.test(
  "an admin invites a viewer, who sees the invoices and cannot top up, whatever the app's state says",
  journey,
  async () => {
    const email = `${crypto.randomUUID()}@example.com`;
    let clientId = "";
    const admin = { email: "", password: "" };
    await visit(null, async ({ page }, world) => {
      clientId = world.clientId;
      Object.assign(admin, await newMember(sql, clientId, "admin"));
      await page.goto(server.url);
      await page.getByLabel("Email").fill(admin.email);
      await page.getByLabel("Password").fill(admin.password);
      await page.getByRole("button", { name: "Sign in" }).click();
      // Until the first page has come: a member's requests at once are limited.
      await page.waitForLoadState("networkidle");
      await page.getByRole("link", { name: "Members" }).click();
      match(
        await preview(page, "Invite", { "Email": email, "Role": "Viewer" }),
        /and to no other client\. Viewer: sees spend, usage, invoices and statement/,
      );
      await confirm(page);
      const row = page.locator("tbody tr").filter({ hasText: email });
      match((await row.innerText()).replaceAll(/\s+/g, " "), /Viewer invited/);
    });
    const hash = await invitedSession(email);
    await visit(null, async ({ page }, world) => {
      await page.goto(`${server.url}/${hash}`);
      await page.getByRole("navigation", { name: "Main" }).waitFor();
      await open(page, "#/invoices");
      await page.getByRole("link", { name: world.invoiceNumber }).waitFor();
      deepStrictEqual(await offered(page, "#/credit", OF_CREDIT), []);
      deepStrictEqual(await offered(page, "#/", ["Set budget"]), []);
      await open(page, "#/members");
      await page.getByText("Members are shown to admins of this client alone.").waitFor();
      await actByForgedState(page, clientId);
    });
    strictEqual(await topUpsOf(clientId), 0);
    strictEqual(await roleOf(email), "viewer");
  },
);

/** The page is told that its user is admin: it offers the acts, and the server refuses them. */
async function actByForgedState(page: Page, clientId: string): Promise<void> {
  await page.route(
    /\/rest\/v1\/client_members/,
    (route) =>
      route.fulfill({ status: 200, contentType: "application/json", body: '[{"role":"admin"}]' }),
  );
  await page.reload();
  await page.getByRole("link", { name: "Members" }).click();
  await page.getByRole("alert")
    .getByText("Your role at this client does not allow this", { exact: true }).waitFor();
  await open(page, "#/credit");
  match(await tryToTopUp(page), /Your role at this client does not allow this/);
  await page.evaluate(() => {
    for (const key of Object.keys(sessionStorage)) {
      const text = sessionStorage.getItem(key) ?? "";
      sessionStorage.setItem(key, text.replace('"member"', '"operator"'));
    }
  });
  await page.reload();
  await open(page, `#/clients/${clientId}`);
  match(await tryToTopUp(page), /Your role at this client does not allow this/);
}

Deno.test(
  "an operator makes a member billing, who then may top up, and takes the member away",
  journey,
  async () => {
    const member = { email: "", password: "", clientId: "" };
    await visit(({ operator }) => operator, async ({ page }, { otherId }) => {
      Object.assign(member, await newMember(sql, otherId, "viewer"), { clientId: otherId });
      await open(page, `#/clients/${otherId}`);
      const row = page.locator("tbody tr").filter({ hasText: member.email });
      match(
        await preview(page, "Change role", { "Role": "Billing" }, row),
        /Billing: sees figures and invoices, buys credit/,
      );
      strictEqual(await roleOf(member.email), "viewer", "a preview changes nothing");
      await confirm(page);
      await row.getByRole("cell", { name: "Billing" }).waitFor();
    });
    await visit(() => member, async ({ page }) => {
      deepStrictEqual(await offered(page, "#/credit", OF_CREDIT), OF_CREDIT.slice(0, 3));
    });
    await visit(({ operator }) => operator, async ({ page }) => {
      await open(page, `#/clients/${member.clientId}`);
      const row = page.locator("tbody tr").filter({ hasText: member.email });
      match(await preview(page, "Remove", {}, row), /does not see .* any more/);
      await confirm(page);
      await row.waitFor({ state: "detached" });
    });
    strictEqual(await roleOf(member.email), undefined);
  },
);

Deno.test("the last admin of a client is told why they cannot step down", journey, async () => {
  const admin = { email: "", password: "" };
  await visit(null, async ({ page }, { otherId }) => {
    Object.assign(admin, await newMember(sql, otherId, "admin"));
    await page.goto(server.url);
    await page.getByLabel("Email").fill(admin.email);
    await page.getByLabel("Password").fill(admin.password);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("link", { name: "Members" }).click();
    const row = page.locator("tbody tr").filter({ hasText: admin.email });
    await preview(page, "Change role", { "Role": "Viewer" }, row);
    await page.getByRole("dialog").getByRole("button", { name: /^Confirm/ }).click();
    await page.getByRole("dialog").getByRole("alert")
      .getByText("The client would have no admin", { exact: true }).waitFor();
  });
  strictEqual(await roleOf(admin.email), "admin");
});
