import { deepStrictEqual, ok } from "node:assert/strict";
import type { Page } from "playwright-core";
import { minorToDecimal } from "../../../../shared/money.ts";
import { journey, open, visit } from "../../support/console-visit.ts";
import type { ConsoleWorld } from "../../support/console-world.ts";

// Each amount and each large quantity on a page is one that the API answered to it.

const PAGES: Readonly<Record<"operator" | "customer", readonly ((w: ConsoleWorld) => string)[]>> = {
  operator: [
    () => "#/",
    ({ clientId }) => `#/clients/${clientId}`,
    ({ clientId }) => `#/invoices?client=${clientId}`,
    ({ invoiceNumber }) => `#/invoices/${invoiceNumber}`,
    ({ invoiceNumber }) => `#/invoices/${invoiceNumber}/lines/1`,
    ({ clientId, agent }) =>
      `#/usage?client=${clientId}&agent=${agent}&from=2026-05-03&to=2026-05-03&calls=2026-05-03`,
    () => "#/prices",
  ],
  customer: [
    () => "#/",
    () => "#/invoices",
    ({ invoiceNumber }) => `#/invoices/${invoiceNumber}`,
    ({ invoiceNumber }) => `#/invoices/${invoiceNumber}/lines/1`,
    () => "#/usage?from=2026-05-01&to=2026-05-31",
    () => "#/statement",
    () => "#/credit",
  ],
};

/** Figures without sign, thousands and closing zeros: amounts of major units, and quantities. */
interface Figures {
  readonly amounts: Set<string>;
  readonly quantities: Set<string>;
}

function plain(figure: string): string {
  const text = figure.replaceAll(/[$,-]/g, "");
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** Notes what an answer says: integers may be minor units, text is a decimal. */
function note(answer: unknown, figures: Figures): void {
  if (typeof answer === "number" && Number.isInteger(answer)) {
    figures.amounts.add(plain(minorToDecimal(answer, 2)));
    figures.quantities.add(plain(String(answer)));
  } else if (typeof answer === "string" && /^-?\d+(\.\d+)?$/.test(answer)) {
    figures.amounts.add(plain(answer));
    figures.quantities.add(plain(answer));
  } else if (typeof answer === "object" && answer !== null) {
    for (const part of Object.values(answer)) note(part, figures);
  }
}

/** Opens a page; returns the figures of the API's answers to it, and those that it shows. */
async function figuresOf(page: Page, hash: string): Promise<{ told: Figures; shown: Figures }> {
  const told: Figures = { amounts: new Set(), quantities: new Set() };
  const answers: Promise<void>[] = [];
  const listen = (response: { url(): string; json(): Promise<unknown> }) => {
    if (!/\/(functions|rest)\/v1\//.test(response.url())) return;
    answers.push(response.json().then((answer) => note(answer, told), () => {}));
  };
  page.on("response", listen);
  await open(page, hash);
  await page.reload();
  await page.waitForLoadState("networkidle");
  await page.locator(".bars").first().waitFor({ state: "detached" });
  page.off("response", listen);
  await Promise.all(answers);
  const text = await page.locator("main").innerText();
  const all = (pattern: RegExp) => new Set([...text.matchAll(pattern)].map(([one]) => plain(one)));
  return {
    told,
    shown: {
      amounts: all(/\$\d[\d,]*(\.\d+)?/g),
      quantities: all(/(?<![$\d.,])\d{1,3}(,\d{3})+(\.\d+)?/g),
    },
  };
}

for (const role of ["operator", "customer"] as const) {
  Deno.test(
    `each amount and quantity on the pages of the ${role} is one that the API answered`,
    journey,
    () =>
      visit((world) => world[role], async ({ page }, world) => {
        let count = 0;
        for (const hashOf of PAGES[role]) {
          const hash = hashOf(world);
          const { told, shown } = await figuresOf(page, hash);
          const made = {
            amounts: [...shown.amounts].filter((figure) => !told.amounts.has(figure)),
            quantities: [...shown.quantities].filter((figure) => !told.quantities.has(figure)),
          };
          deepStrictEqual(made, { amounts: [], quantities: [] }, hash);
          count += shown.amounts.size + shown.quantities.size;
        }
        ok(count > 20, `${count} figures were compared`);
      }),
  );
}
