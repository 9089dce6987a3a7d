import { type Command, CommanderError } from "commander";

/** Where a command writes and what it is told of the world. */
export interface Terminal {
  out(text: string): void;
  error(text: string): void;
}

/** Exit codes: all is well, the server (or the data) says no, the command line is wrong. */
export const EXIT = { ok: 0, problem: 1, usage: 2 } as const;

/** Ends a command with exit code 1 and nothing more to say. */
export class CommandFailed extends Error {}

/** Runs a command line and returns its exit code; prints errors, never throws. */
export async function runCommandLine(
  program: Command,
  args: readonly string[],
  terminal: Terminal,
): Promise<number> {
  program.exitOverride().configureOutput({
    writeOut: (text) => terminal.out(text.trimEnd()),
    writeErr: (text) => terminal.error(text.trimEnd()),
  });
  for (const command of program.commands) {
    command.copyInheritedSettings(program);
    for (const nested of command.commands) nested.copyInheritedSettings(program);
  }
  try {
    await program.parseAsync(args, { from: "user" });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (!(error instanceof CommandFailed)) {
      terminal.error(error instanceof Error ? error.message : String(error));
    }
    return EXIT.problem;
  }
}
