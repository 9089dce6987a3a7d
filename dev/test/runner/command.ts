import { repositoryRoot } from "../../platform/repository.ts";

export interface CommandResult {
  success: boolean;
  /** Standard output and then standard error, without colour. */
  output: string;
}

/** Runs a program in the checkout and waits for it. */
export async function runCommand(
  program: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<CommandResult> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    cwd: repositoryRoot,
    env: { DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  return { success, output: decoder.decode(stdout) + decoder.decode(stderr) };
}
