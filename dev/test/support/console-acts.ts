import { deepStrictEqual } from "node:assert/strict";
import type { Page } from "playwright-core";

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
