import process from "node:process";
import { parseArgs } from "node:util";
import postgres from "postgres";
import { startPlatform } from "../../platform/platform.ts";
import { plant } from "../../torture/faults.ts";
import { transactions } from "../cases/rolled-back.ts";
import { FAULTS } from "./faults.ts";
import { hunt } from "./hunt.ts";

// npm run worlds                                      ten minutes of wild worlds, a seed by chance
// npm run worlds -- --minutes 3 --seed 42             the same worlds again
// npm run worlds -- --profile regular --engine debian
// npm run worlds -- --seed 42 --first 14              from the 14th world on
// npm run worlds -- --keep-going                      more than the first failure
// npm run worlds -- --without "invariants;preview"    but for laws that are known to be broken
// npm run worlds -- --only "booked is not rated"      these laws alone, faster
// npm run worlds -- --leave-out retract,restate       and for moves that are known to break them
// npm run worlds -- --fault M1 --seed 1               with a mistake that has to be found

const { values } = parseArgs({
  args: Deno.args,
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 20_000)) },
    profile: { type: "string", default: "wild" },
    engine: { type: "string", default: "embedded" },
    first: { type: "string", default: "1" },
    longest: { type: "string", default: "110" },
    shrink: { type: "string", default: "180" },
    "leave-out": { type: "string", default: "" },
    only: { type: "string", default: "" },
    without: { type: "string", default: "" },
    fault: { type: "string" },
    "keep-going": { type: "boolean", default: false },
  },
});
const [minutes, first, seed, longest, secondsToShrink] = [
  values.minutes,
  values.first,
  values.seed,
  values.longest,
  values.shrink,
].map(Number);
const { engine, profile } = values;
const fault = values.fault === undefined ? null : FAULTS[values.fault];
if (
  minutes === undefined || first === undefined || seed === undefined || longest === undefined ||
  secondsToShrink === undefined || !(minutes > 0) || !(longest > 1) || !(secondsToShrink >= 0) ||
  !Number.isInteger(seed) || !(first >= 1) || (engine !== "embedded" && engine !== "debian") ||
  (profile !== "regular" && profile !== "wild") || fault === undefined
) {
  console.error(
    "usage: npm run worlds -- [--minutes N] [--seed N] [--profile regular|wild] " +
      "[--engine embedded|debian] [--longest MOVES] [--shrink SECONDS] [--keep-going] " +
      `[--fault ${Object.keys(FAULTS).join("|")}]`,
  );
  Deno.exit(2);
}

console.log(`${profile} worlds for ${minutes} minutes, seed ${seed}, PostgreSQL (${engine})`);
const platform = await startPlatform({ engine });
process.env["DATABASE_URL"] = platform.urls.database;
const until = performance.now() + minutes * 60_000;
let failed = false;
try {
  if (fault !== null) {
    const sql = postgres(platform.urls.database, { max: 1, onnotice: () => {} });
    await plant(sql, fault);
    await sql.end();
    console.log(`planted: ${fault.name}`);
  }
  await using database = transactions();
  const { worlds, clientMonths, found } = await hunt(database, {
    profile,
    seed,
    first,
    longest,
    secondsToShrink,
    leaveOut: values["leave-out"].split(","),
    asks: (law) =>
      (fault === null || law === fault.check) &&
      (values.only === "" || values.only.split(";").includes(law)) &&
      !values.without.split(";").includes(law),
    mayGoOn: (_, failures) =>
      performance.now() < until && (values["keep-going"] || failures.length === 0),
    tell: (line) => console.log(line),
  });
  const laws = found.map(({ failure }) => failure.law);
  // With a fault the law that it breaks has to be broken.
  failed = fault === null ? found.length > 0 : !laws.includes(fault.check);
  console.log(`${worlds} worlds, ${clientMonths} client-months, ${found.length} broken`);
  for (const [law, all] of Map.groupBy(found, ({ failure }) => failure.law)) {
    console.log(`${String(all.length).padStart(5)} × ${law}: first in world ${all[0]?.place}`);
  }
} finally {
  await platform.stop();
}
Deno.exit(failed ? 1 : 0);
