import { deepStrictEqual } from "node:assert/strict";
import { linesOf } from "./text-lines.ts";

Deno.test("lines survive chunks that cut them, also inside a character", async () => {
  const bytes = new TextEncoder().encode("first\r\nsécond\nlast");
  const source = ReadableStream.from([bytes.slice(0, 9), bytes.slice(9, 12), bytes.slice(12)]);
  const lines: string[] = [];
  for await (const line of linesOf(source)) lines.push(line);
  deepStrictEqual(lines, ["first", "sécond", "last"]);
});
