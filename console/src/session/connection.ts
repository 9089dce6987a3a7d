import { z } from "zod";

/** Where the project is. Both values are public; no other key is ever asked for. */
export interface Connection {
  readonly url: string;
  readonly publishableKey: string;
}

const File = z.object({ url: z.url(), publishableKey: z.string().min(1) });

/** Reads `config.json` beside the page, so that one build serves any project. */
export async function readConnection(): Promise<Connection> {
  const answer = await fetch("config.json", { cache: "no-store" });
  const { url, publishableKey } = File.parse(await answer.json());
  return { url: url.replace(/\/+$/, ""), publishableKey };
}
