import { runCommand } from "../runner/command.ts";
import type { SectionResult } from "../runner/report.ts";

export function checkFormat(): Promise<SectionResult> {
  return runDeno(["fmt", "--check"]);
}

export function checkLint(): Promise<SectionResult> {
  return runDeno(["lint"]);
}

async function runDeno(args: string[]): Promise<SectionResult> {
  const { success, output } = await runCommand(Deno.execPath(), args);
  return { passed: success ? 1 : 0, failed: success ? 0 : 1, details: [output] };
}
