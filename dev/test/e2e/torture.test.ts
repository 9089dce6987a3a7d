import { strictEqual } from "node:assert/strict";
import { denoBinary } from "../../platform/deno-binary.ts";
import { repositoryRoot } from "../../platform/repository.ts";
import { platform } from "../support/platform-env.ts";

// What the PostgreSQL client throws when its server dies cannot be caught, so the harness has a
// process of its own. Killing takes as long as it takes: one engine, and the other by hand.
if (platform.engine === "embedded") {
  Deno.test("a few seconds of torture, kill -9 of the server included, leave the books in order", async () => {
    const { code, stdout, stderr } = await new Deno.Command(denoBinary("current"), {
      args: [
        "run",
        "--allow-all",
        "--no-check",
        "--config=deno.json",
        "dev/torture/main.ts",
        "--minutes=0.15",
      ],
      cwd: repositoryRoot,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).output();
    const said = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n");
    strictEqual(code, 0, said);
  });
}
