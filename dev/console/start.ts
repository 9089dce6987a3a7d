import { join } from "node:path";
import postgres from "postgres";
import type { Platform } from "../platform/platform.ts";
import { repositoryRoot } from "../platform/repository.ts";
import { buildConsole } from "./build.ts";
import { loadDemoMonths } from "./demo-months.ts";
import { type ConsoleServer, serveConsole } from "./serve.ts";
import { readyUsers } from "./users.ts";

/**
 * Builds the console for a local platform and serves it, with an operator and a customer ready. The
 * customer sees a client of the demo where its months are asked for, else the first client there is.
 */
export async function startConsole(
  { urls, keys }: Pick<Platform, "urls" | "keys">,
  { port, withDemo }: { readonly port: number; readonly withDemo: boolean },
): Promise<ConsoleServer> {
  const target = { url: urls.api, publishableKey: keys.publishable };
  const folder = join(repositoryRoot, ".local", `console-${port}`);
  await buildConsole(folder, target);
  const sql = postgres(urls.database, { max: 1, onnotice: () => {} });
  try {
    const [first] = await sql<{ id: string }[]>`
      select id from public.clients order by created_at, id limit 1`;
    const shown = withDemo && first === undefined
      ? await loadDemoMonths(sql, new Date())
      : first?.id ?? null;
    const admin = postgres(urls.databaseAdmin, { max: 1, onnotice: () => {} });
    await readyUsers(admin, target, shown).finally(() => admin.end());
  } finally {
    await sql.end();
  }
  return serveConsole(folder, urls.api, port);
}
