import { strictEqual } from "node:assert/strict";
import { attack } from "../../attack/run.ts";
import { failed, summary } from "../../attack/report.ts";
import { platform } from "../support/platform-env.ts";

/** The same requests on every machine; `npm run attack` looks elsewhere, and longer. */
const REQUESTS = 2000;
const SEED = 20_261_129;

// The requests are the same on both engines, and so is what takes them.
if (platform.engine === "embedded") {
  Deno.test("hostile requests of every kind: no 5xx but honest 503, nothing wrongly accepted, and the honest are served", async () => {
    const said: string[] = [];
    const result = await attack({
      engine: platform.engine,
      requests: REQUESTS,
      seed: SEED,
      tell: (line) => void said.push(line),
    });
    // Times are for machines that do nothing else: `npm run attack` judges them.
    const wrong = [...result.violations].map((one) => one.join("\n    "));
    const passed = failed(result, false).length;
    strictEqual(passed, 0, [...said, ...summary(result, false), ...wrong].join("\n"));
  });
}
