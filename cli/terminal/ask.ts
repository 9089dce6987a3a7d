import process from "node:process";
import { createInterface, type Interface } from "node:readline";

/**
 * Asks questions on standard output and reads answers from standard input, a line each, also where
 * they come by a pipe. Null where input has ended.
 */
export function asker(): (question: string) => Promise<string | null> {
  let input: { readonly interface: Interface; readonly lines: AsyncIterator<string> } | undefined;
  return async (question) => {
    if (input === undefined) {
      const lines = createInterface({ input: process.stdin });
      input = { interface: lines, lines: lines[Symbol.asyncIterator]() };
    }
    process.stdout.write(question);
    const { value, done } = await input.lines.next();
    if (done === true) return null;
    // What was typed stands on the terminal; a pipe shows nothing.
    if (process.stdin.isTTY !== true) process.stdout.write("\n");
    return String(value).trim();
  };
}
