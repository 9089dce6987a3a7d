import { setTimeout } from "node:timers/promises";
import chromiumOfNpm from "@sparticuz/chromium";
import { type Browser, chromium } from "playwright-core";

/** Browsers that are installed on many machines. */
const INSTALLED = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

const TRIES = 5;

/** A Chromium: the one installed, else the one that npm brings; null where neither starts. */
export async function openBrowser(): Promise<Browser | null> {
  for (const executablePath of INSTALLED) {
    if (!await Deno.stat(executablePath).then(() => true, () => false)) continue;
    const browser = await launch(executablePath, ["--no-sandbox"]);
    if (browser !== null) return browser;
  }
  const executablePath = await chromiumOfNpm.executablePath().catch(() => null);
  if (executablePath === null) return null;
  // One process for all pages is for very small machines; it takes a crash of one page to all.
  const args = chromiumOfNpm.args.filter((arg) => arg !== "--single-process");
  // It is unpacked at its first use. The tests of the other engine may be unpacking it just now: then
  // a file is there that is not whole yet.
  for (let tries = 0; tries < TRIES; tries++) {
    const browser = await launch(executablePath, args);
    if (browser !== null) return browser;
    await setTimeout(2000);
  }
  return null;
}

function launch(executablePath: string, args: string[]): Promise<Browser | null> {
  return chromium.launch({ executablePath, args, headless: true }).catch(() => null);
}
