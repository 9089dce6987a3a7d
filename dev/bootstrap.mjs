// The one part that runs on plain Node, before anything is installed:
//   node dev/bootstrap.mjs <script.ts> [arguments]
// Installs what package-lock.json says when node_modules is missing or older, then runs the script
// on the Deno that came with it. Ends as the script ends.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [script, ...scriptArguments] = process.argv.slice(2);
if (script === undefined) {
  console.error("usage: node dev/bootstrap.mjs <script.ts> [arguments]");
  process.exit(2);
}
install();
run(denoBinary());

function install() {
  const lock = join(root, "package-lock.json");
  const installed = join(root, "node_modules", ".package-lock.json");
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  console.log("Installing the pinned packages (npm ci) …");
  const started = Date.now();
  const { status } = spawnSync(
    process.platform === "win32" ? "npm.cmd" : "npm",
    ["ci", "--no-audit", "--no-fund", "--loglevel=error"],
    { cwd: root, stdio: ["ignore", "inherit", "inherit"] },
  );
  if (status !== 0) process.exit(status ?? 1);
  console.log(`Installed in ${((Date.now() - started) / 1000).toFixed(0)} s.`);
}

/** npm may leave the package's install script out, so its launcher is not used. */
function denoBinary() {
  const libc = process.platform === "linux" ? "-glibc" : "";
  const name = `@deno/${process.platform}-${process.arch}${libc}/package.json`;
  const fromDeno = createRequire(join(root, "node_modules", "deno", "package.json"));
  const file = process.platform === "win32" ? "deno.exe" : "deno";
  return join(dirname(fromDeno.resolve(name)), file);
}

function run(deno) {
  const child = spawn(
    deno,
    ["run", "--allow-all", "--config", join(root, "deno.json"), join(root, script)]
      .concat(scriptArguments),
    { cwd: root, stdio: "inherit", env: { ...process.env, DENO_NO_UPDATE_CHECK: "1" } },
  );
  // A terminal sends Ctrl-C to the whole group: the script stops in order, we wait for it.
  process.on("SIGINT", () => {});
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  if (process.env.npm_lifecycle_event !== undefined) endWithParent(child);
  child.on("error", (error) => {
    console.error(error.message);
    process.exit(1);
  });
  child.on("exit", (code) => process.exit(code ?? 1));
}

/**
 * npm starts a shell that starts us. Where npm is killed, nobody tells the shell, nor where the
 * shell is killed us: so we look whether both are still whose child they were.
 */
function endWithParent(child) {
  const [shell, npm] = [process.ppid, parentOf(process.ppid)];
  const watch = setInterval(() => {
    if (process.ppid === shell && parentOf(shell) === npm) return;
    clearInterval(watch);
    child.kill("SIGTERM");
  }, 500);
  watch.unref();
}

/** Null where the system does not tell (it is Linux that does). */
function parentOf(pid) {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1).split(" ")[1]);
  } catch {
    return null;
  }
}
