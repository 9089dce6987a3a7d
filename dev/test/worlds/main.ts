import process from "node:process";
import { parseArgs } from "node:util";
import postgres from "postgres";
import { startPlatform } from "../../platform/platform.ts";
import { type Transactions, transactions } from "../cases/rolled-back.ts";
import { FAULTS } from "./faults.ts";
import { findFault } from "./find.ts";
import { hunt } from "./hunt.ts";
import { type Profile, profiles } from "./moves.ts";

// npm run worlds                                      ten minutes of wild worlds, a seed by chance
// npm run worlds -- --minutes 3 --seed 42             the same worlds again
// npm run worlds -- --profile regular --engine debian
// npm run worlds -- --seed 42 --first 14              from the 14th world on
// npm run worlds -- --keep-going                      more than the first failure
// npm run worlds -- --minutes 600 --months 5000       until so many client-months were lived
// npm run worlds -- --without "invariants;preview"    but for laws that are known to be broken
// npm run worlds -- --only "booked is not rated"      these laws alone, faster
// npm run worlds -- --clients 16 --longest 480        more clients in each world, and more moves
// npm run worlds -- --leave-out retract,restate       and for moves that are known to break them
// npm run worlds -- --fault M1,C2 --seed 1            with mistakes that have to be found, or all
// npm run worlds -- --fault all --seeds 3 --most 200  from three seeds, in 200 worlds each at most

const { values } = parseArgs({
  args: Deno.args,
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 20_000)) },
    profile: { type: "string", default: "wild" },
    engine: { type: "string", default: "embedded" },
    first: { type: "string", default: "1" },
    months: { type: "string", default: "Infinity" },
    longest: { type: "string", default: "240" },
    clients: { type: "string", default: "8" },
    shrink: { type: "string", default: "180" },
    "leave-out": { type: "string", default: "" },
    only: { type: "string", default: "" },
    without: { type: "string", default: "" },
    fault: { type: "string" },
    seeds: { type: "string", default: "1" },
    most: { type: "string", default: "200" },
    "keep-going": { type: "boolean", default: false },
  },
});
const minutes = Number(values.minutes);
const first = Number(values.first);
const seed = Number(values.seed);
const months = Number(values.months);
const seeds = Number(values.seeds);
const longest = Number(values.longest);
const most = Number(values.most);
const clients = Number(values.clients);
const secondsToShrink = Number(values.shrink);
const { engine } = values;
const profile = profiles.find((one) => one === values.profile);
const faults = values.fault === "all" ? Object.keys(FAULTS) : values.fault?.split(",") ?? [];
if (
  !(minutes > 0) || !(months > 0) || !(longest > 1) || !(secondsToShrink >= 0) || !(most >= 1) ||
  !(first >= 1) ||
  !Number.isInteger(seed) || !(clients >= 1 && clients <= 26) || !(seeds >= 1) ||
  (engine !== "embedded" && engine !== "debian") ||
  profile === undefined || faults.some((name) => !(name in FAULTS))
) {
  console.error(
    "usage: npm run worlds -- [--minutes N] [--months N] [--seed N] [--profile regular|wild] " +
      "[--engine embedded|debian] [--longest MOVES] [--clients N] [--shrink SECONDS] " +
      "[--keep-going] " +
      `[--fault all|${Object.keys(FAULTS).join("|")} [--seeds N] [--most WORLDS]]`,
  );
  Deno.exit(2);
}

console.log(`${profile} worlds for ${minutes} minutes, seed ${seed}, PostgreSQL (${engine})`);
const platform = await startPlatform({ engine });
process.env["DATABASE_URL"] = platform.urls.database;
const until = performance.now() + minutes * 60_000;
let failed = false;
try {
  await using database = transactions();
  failed = faults.length > 0 ? await miss(database, profile) : await breaks(database, profile);
} finally {
  await platform.stop();
}
Deno.exit(failed ? 1 : 0);

/** Whether a law is broken. */
async function breaks(database: Transactions, profile: Profile): Promise<boolean> {
  const { worlds, clientMonths, found } = await hunt(database, {
    profile,
    seed,
    first,
    longest,
    clients,
    secondsToShrink,
    leaveOut: values["leave-out"].split(","),
    asks: (law) =>
      (values.only === "" || values.only.split(";").includes(law)) &&
      !values.without.split(";").includes(law),
    mayGoOn: (_, failures, lived) =>
      performance.now() < until && lived < months &&
      (values["keep-going"] || failures.length === 0),
    tell: (line) => console.log(line),
  });
  console.log(`${worlds} worlds, ${clientMonths} client-months, ${found.length} broken`);
  for (const [law, all] of Map.groupBy(found, ({ failure }) => failure.law)) {
    console.log(`${String(all.length).padStart(5)} × ${law}: first in world ${all[0]?.place}`);
  }
  return found.length > 0;
}

/** Whether one of the planted faults is not found, from one of the seeds. */
async function miss(database: Transactions, profile: Profile): Promise<boolean> {
  const sql = postgres(platform.urls.database, { max: 1, onnotice: () => {} });
  let missed = false;
  for (const name of faults) {
    for (let from = seed; from < seed + seeds; from += 1) {
      const fault = FAULTS[name];
      if (fault === undefined) continue;
      const began = performance.now();
      const { worlds, clientMonths, end } = await findFault(database, sql, fault, {
        profile,
        seed: from,
        first,
        longest,
        clients,
        secondsToShrink: 0,
        mayGoOn: (lived) => lived < most && performance.now() < until,
      });
      if (end !== "found") missed = true;
      const seconds = Math.round((performance.now() - began) / 1000);
      console.log(
        `${name} (${fault.name}), seed ${from}: ${end} in ${worlds} worlds, ` +
          `${clientMonths} client-months, ${seconds} s`,
      );
    }
  }
  await sql.end();
  return missed;
}
