import { deepStrictEqual } from "node:assert/strict";
import { runLoad } from "../../load/run.ts";
import { platform } from "../support/platform-env.ts";

/** Once is enough: what is put to the test are the functions, and one machine runs both engines. */
if (platform.engine === "embedded") {
  Deno.test("a twentieth of a busy hour is served whole; more than can be done is refused, and passes", async () => {
    const told: string[] = [];
    const problems = await runLoad({
      engine: platform.engine,
      clients: 4,
      share: 0.05,
      seconds: 6,
      floodSeconds: 3,
      floodAtOnce: 400,
    }, (line) => told.push(line));
    deepStrictEqual(problems, [], told.join("\n"));
  });
}
