import { join } from "node:path";
import { repositoryRoot } from "../../platform/repository.ts";

/** A block of a page in `docs` that a reader runs. */
export interface PageBlock {
  /** `sh`, `sql` or `text`, with what stands behind it: `sh start`. */
  readonly kind: string;
  readonly text: string;
}

/** The fenced blocks of a page, in their order. */
export async function pageBlocks(page: string): Promise<PageBlock[]> {
  const content = await Deno.readTextFile(join(repositoryRoot, "docs", page));
  return [...content.matchAll(/^```([a-z ]+)\n([^]*?)^```$/gm)]
    .map(([, kind = "", text = ""]) => ({ kind, text }));
}

/** What a shell printed. Throws where it ended badly. */
export async function runShell(
  script: string,
  env: Record<string, string> = {},
  input = "",
): Promise<string> {
  const child = new Deno.Command("sh", {
    args: ["-e", "-c", script],
    cwd: repositoryRoot,
    env: { NO_COLOR: "1", ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  const printed = decoder.decode(stdout);
  if (!success) throw new Error(`${script}\n${printed}${decoder.decode(stderr)}`);
  return printed;
}
