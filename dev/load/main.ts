import { parseArgs } from "node:util";
import { runLoad } from "./run.ts";

// npm run load                       a busy hour in 75 s, then 15 s of more than can be done
// npm run load -- --seconds 30       the same hour, faster
// npm run load -- --engine debian

const { values } = parseArgs({
  args: Deno.args,
  options: {
    engine: { type: "string", default: "embedded" },
    seconds: { type: "string", default: "75" },
  },
});
const seconds = Number(values.seconds);
if ((values.engine !== "embedded" && values.engine !== "debian") || !(seconds >= 5)) {
  console.error("usage: npm run load -- [--seconds 75] [--engine embedded|debian]");
  Deno.exit(2);
}
const problems = await runLoad({
  engine: values.engine,
  clients: 40,
  share: 1,
  seconds,
  floodSeconds: 15,
  floodAtOnce: 300,
}, (line) => console.log(line));
for (const problem of problems) console.log(`NOT AS IT MUST BE: ${problem}`);
if (problems.length === 0) console.log("Nothing refused in the hour, nothing lost, recovered.");
Deno.exit(problems.length === 0 ? 0 : 1);
