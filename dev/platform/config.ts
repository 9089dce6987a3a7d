import { join } from "node:path";
// @ts-types="./std/toml.d.ts"
import { parse } from "@std/toml/parse";
import { z } from "zod";
import { repositoryRoot } from "./repository.ts";

const port = z.number().int();
const configSchema = z.object({
  api: z.object({ port, max_rows: z.number().int() }),
  db: z.object({ port }),
  studio: z.object({ port }),
  local_smtp: z.object({ port, smtp_port: port }),
  functions: z.record(
    z.string(),
    z.object({ enabled: z.boolean().default(true), verify_jwt: z.boolean().default(true) }),
  ).default({}),
});

/** What the platform reads of supabase/config.toml; the Supabase CLI reads all of it. */
export type Config = z.infer<typeof configSchema>;

export async function readConfig(): Promise<Config> {
  const text = await Deno.readTextFile(join(repositoryRoot, "supabase", "config.toml"));
  return configSchema.parse(parse(text));
}
