import { deepStrictEqual, match } from "node:assert/strict";
import type { Page } from "playwright-core";
import { mailedLink } from "./mailed-link.ts";
import { platform } from "./platform-env.ts";

/** Opens an act's dialog and fills it in; returns what the preview says. */
export async function preview(
  page: Page,
  act: string,
  values: Readonly<Record<string, string>> = {},
  within: ReturnType<Page["locator"]> = page.locator("main"),
): Promise<string> {
  await within.getByRole("button", { name: act, exact: true }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  for (const [label, value] of Object.entries(values)) {
    const field = dialog.getByLabel(label);
    const isChoice = await field.evaluate(({ tagName }) => tagName === "SELECT");
    await (isChoice ? field.selectOption({ label: value }) : field.fill(value));
  }
  const button = dialog.getByRole("button", { name: "Preview", exact: true });
  if (await button.count() > 0) await button.click();
  const effect = dialog.locator(".act-effect, [role=alert]");
  await effect.waitFor();
  return (await effect.innerText()).replaceAll(/\s+/g, " ");
}

/** Confirms the act that is previewed, and waits until it is done. */
export async function confirm(page: Page): Promise<void> {
  await page.getByRole("dialog").getByRole("button", { name: /^Confirm/ }).click();
  await page.locator("dialog .act-effect").waitFor({ state: "detached" });
  deepStrictEqual(await page.locator("dialog [role=alert]").allInnerTexts(), []);
}

/** What stands behind the `#` once the link of Auth's mail to that address is opened. */
export async function invitedSession(email: string): Promise<string> {
  // The mail names the site of the configuration; its page is opened in this console.
  const { pathname, search } = new URL(await mailedLink(email));
  const verified = await fetch(`${platform.apiUrl}${pathname}${search}`, { redirect: "manual" });
  await verified.body?.cancel();
  const { hash } = new URL(verified.headers.get("location") ?? "");
  match(hash, /access_token=/);
  return hash;
}
