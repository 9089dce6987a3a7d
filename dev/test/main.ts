import { parseArgs } from "node:util";
import type { EngineName } from "../platform/postgres-engine.ts";
import { findEngine } from "../platform/postgres-engine.ts";
import { runOnEngine } from "./runner/engine.ts";
import { checkImports } from "./checks/import-rules.ts";
import { checkFileLength } from "./checks/file-length.ts";
import { checkFunctionLength } from "./checks/function-length.ts";
import { checkKeyStrings } from "./checks/key-strings.ts";
import { checkLicences } from "./checks/licences.ts";
import { checkLockFiles } from "./checks/lock-files.ts";
import { checkPgtapRooms } from "./checks/pgtap-rooms.ts";
import { Report } from "./runner/report.ts";
import { checkFormat, checkLint } from "./checks/static.ts";
import { checkDirections, checkMigration } from "./checks/rooms.ts";
import { checkSqlNamed } from "./checks/sql-named.ts";
import { checkSql } from "./checks/sql-style.ts";
import { checkConsoleTypes, checkTypes } from "./checks/types.ts";
import { checkVoice } from "./checks/voice.ts";
import { checkVersions } from "./checks/versions.ts";
import { runUnitTests } from "./runner/unit.ts";

// npm test                       everything
// npm run check                  format, lint and types only
// npm test -- books year         worked cases, properties or year; only files with `year`
// npm test -- pgtap 20_usage/     one stage, only files whose path contains `20_usage/`
// npm test -- e2e --engine debian

const usage = `usage: npm test -- [stage] [part of a file name] [--engine embedded|debian]
stages: check, unit, pgtap, books, e2e, database`;
const { values, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: { engine: { type: "string" }, help: { type: "boolean" } },
});
const stage = positionals[0] ?? "all";
const fileFilter = positionals[1] ?? "";
const wanted = (name: string) => stage === "all" || stage === name;
if (values.help || !["all", "check", "unit", "pgtap", "books", "e2e", "database"].includes(stage)) {
  console.log(usage);
  Deno.exit(values.help ? 0 : 2);
}

const report = new Report((line) => console.log(line));
if (wanted("check")) {
  await report.section("format", checkFormat);
  await report.section("lint", checkLint);
  await report.section("imports keep to the layout", checkImports);
  await report.section("SQL style", checkSql);
  await report.section("SQL functions named in pgTAP", checkSqlNamed);
  await report.section("pgTAP files lie in the rooms of what they test", checkPgtapRooms);
  await report.section("length of files", checkFileLength);
  await report.section("length of SQL functions", checkFunctionLength);
  await report.section("the migration is what supabase/schemas says", checkMigration);
  await report.section("rooms of supabase/schemas use only those below them", checkDirections);
  await report.section("language of docs and code", checkVoice);
  await report.section("versions of packages in functions", checkVersions);
  await report.section("lock files pin every package", checkLockFiles);
  await report.section("licences of packages", checkLicences);
  await report.section("no keys in the repository", checkKeyStrings);
  await report.section("types, current Deno", () => checkTypes("current"));
  await report.section("types of the console", checkConsoleTypes);
  await report.section("types of functions, Deno as hosted", () => checkTypes("hosted"));
}
if (wanted("unit")) {
  await report.section("unit tests", () => runUnitTests("current", fileFilter));
  await report.section("function tests, Deno as hosted", () => runUnitTests("hosted", fileFilter));
}
if (["pgtap", "books", "e2e", "database"].some(wanted)) {
  // Each engine has a platform of its own, on ports of its own: they run side by side.
  const engines = await installed(chosenEngines(values.engine));
  await Promise.all(
    engines.map((engine) => runOnEngine({ engine, engines, wanted, fileFilter, report })),
  );
}
report.finish();
Deno.exit(report.failed === 0 ? 0 : 1);

async function installed(names: EngineName[]): Promise<EngineName[]> {
  const found: EngineName[] = [];
  for (const name of names) {
    if (await findEngine(name) !== undefined) found.push(name);
    else report.note(`PostgreSQL (${name}) is not installed: its tests are left out`);
  }
  return found;
}

function chosenEngines(chosen: string | undefined): EngineName[] {
  if (chosen === undefined) return ["embedded", "debian"];
  if (chosen === "embedded" || chosen === "debian") return [chosen];
  console.log(usage);
  Deno.exit(2);
}
