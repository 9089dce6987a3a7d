import { openBrowser } from "/work/wt-console/dev/console/browser.ts";
const url = Deno.args[0] ?? "";
const which = Deno.args[1] ?? "all";
const browser = await openBrowser();
if (browser === null) throw new Error("no browser");
async function session(email: string, width: number, scheme: "light" | "dark") {
  const context = await browser!.newContext({ viewport: { width, height: 900 }, colorScheme: scheme, locale: "en-US" });
  const page = await context.newPage();
  page.on("console", (m) => { if (m.type() === "error" || m.type() === "warning") console.log(email, m.text().slice(0, 400)); });
  page.on("pageerror", (e) => console.log("PAGEERROR", e.message.slice(0, 500)));
  await page.goto(url);
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password").fill("local-console");
  if (email.startsWith("operator") && scheme === "light") await page.screenshot({ path: `/tmp/shots/signin-${width}.png` });
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation", { name: "Main" }).waitFor();
  return page;
}
async function settle(page: any) {
  await page.waitForLoadState("networkidle").catch(() => {});
  await page.locator(".bars").first().waitFor({ state: "detached", timeout: 15000 }).catch(() => console.log("still loading", page.url()));
  await page.waitForTimeout(400);
}
await Deno.mkdir("/tmp/shots", { recursive: true });
const runs: [string, number, "light" | "dark"][] = which === "quick" ? [["operator", 1280, "light"]] : which === "customer" ? [["customer", 1280, "light"]] : [["operator", 1280, "light"], ["operator", 1280, "dark"], ["operator", 360, "light"], ["customer", 1280, "light"], ["customer", 360, "dark"]];
for (const [who, width, scheme] of runs) {
  const page = await session(`${who}@example.com`, width, scheme);
  const shot = async (name: string) => { await settle(page); await page.screenshot({ path: `/tmp/shots/${who}-${name}-${width}-${scheme}.png`, fullPage: true });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth); if (over > 0) console.log("OVERFLOW", who, name, width, over); };
  await shot("home");
  if (who === "operator") {
    await page.goto(`${url}/#/clients`); await shot("clients");
    await page.getByRole("link", { name: "Liffey Legal" }).first().click().catch(() => page.locator("td a").first().click()); await shot("client");
  } else { await page.goto(`${url}/#/statement`); await shot("statement"); }
  await page.goto(`${url}/#/invoices`); await shot("invoices");
  await page.locator("td a[href*='invoices/']").first().click(); await shot("invoice");
  await page.getByRole("region", { name: "Lines" }).last().locator("td a").first().click(); await shot("line");
  if (who === "operator") { await page.getByRole("region", { name: "Days" }).last().locator("td a").first().click(); await shot("calls"); }
  await page.context().close();
}
await browser.close();
