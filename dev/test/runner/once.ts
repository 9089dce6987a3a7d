import type { EngineName } from "../../platform/postgres-engine.ts";

/**
 * End-to-end files about functions, tools, pages and services outside, which behave alike on both
 * engines: when the suite runs on both, each of these runs on one. Work of the database itself
 * is tested on both, by pgTAP, the worked cases and all other end-to-end files. The lists are such
 * that both engines take about the same time.
 */
export const runsOnce: Readonly<Record<EngineName, readonly string[]>> = {
  debian: [
    "access-invitations",
    "adopt-killed",
    "api-fuzz",
    "bundle",
    "catalogue",
    "command-line",
    "deliveries",
    "demo",
    "document-language",
    "first-hour",
    "hostile-text",
    "invoice-pdf-link",
    "mail",
    "moving-page",
    "prices-page",
    "real-net",
    "secrets",
    "security-headers",
    "security-input",
    "security-tokens",
    "security-webhook",
    "settling-moves",
    "snippets",
    "start",
    "stripe-chaos",
    "stripe-life",
    "stripe-paying",
    "stripe-reconcile",
    "stripe-worker",
    "worker-killed",
  ],
  embedded: [
    "api-hosted-deno",
    "attack",
    "audit",
    "bad-price-sources",
    "bad-services",
    "bad-stripe",
    "bench",
    "console",
    "credits-killed",
    "credits-random",
    "journal",
    "load",
    "log-plane",
    "logger-exit",
    "planner-pins-seen",
    "mutation",
    "price-sync",
    "recharges",
    "reminders-alerts",
    "replica",
    "stripe-carried",
    "stripe-dance",
    "stripe-dashboard",
    "stripe-edges",
    "stripe-reconcile-edges",
    "stripe-killed",
    "stripe-month",
    "torture",
    "torture-faults",
    "with-request",
  ],
};

const nameOf = (file: string) => file.slice(file.lastIndexOf("/") + 1).replace(/\.test\.ts$/, "");

/** The files that run on `engine` when the suite runs on all of `engines`. */
export function filesOf(
  engine: EngineName,
  engines: readonly EngineName[],
  files: readonly string[],
): string[] {
  const others = engines.filter((other) => other !== engine);
  const elsewhere = new Set(others.flatMap((other) => runsOnce[other]));
  return files.filter((file) => !elsewhere.has(nameOf(file)));
}
