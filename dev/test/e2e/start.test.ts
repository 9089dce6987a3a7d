import { match, ok, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { parseEnv } from "node:util";
import postgres from "postgres";
import { repositoryRoot } from "../../platform/repository.ts";
import { RUNNING_FILE } from "../../../cli/local-platform.ts";
import { linesOf } from "../../platform/text-lines.ts";
import { runCommand } from "../runner/command.ts";
import { platform } from "../support/platform-env.ts";

interface Started {
  readonly child: Deno.ChildProcess;
  readonly lines: string[];
  readonly variables: ReturnType<typeof parseEnv>;
}

/** `npm start` with these arguments, as a person starts it. */
async function start(...args: string[]): Promise<Started> {
  const child = new Deno.Command("npm", {
    args: ["start", "--", "--engine", platform.engine, ...args],
    cwd: repositoryRoot,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines: string[] = [];
  const ready = Promise.withResolvers<void>();
  void (async () => {
    for await (const line of linesOf(child.stdout)) {
      lines.push(line);
      if (line.includes("Ctrl-C stops everything")) ready.resolve();
    }
    ready.reject(new Error(lines.join("\n")));
  })();
  await ready.promise;
  return { child, lines, variables: parseEnv(await Deno.readTextFile(RUNNING_FILE)) };
}

async function isListening(url: string): Promise<boolean> {
  return await fetch(url).then(async (answer) => {
    await answer.body?.cancel();
    return true;
  }, () => false);
}

/** Waits until it has ended wholly: nothing listens, and its file is gone. */
async function ended({ child, variables }: Started): Promise<void> {
  await child.status;
  for (let tries = 0; tries < 150; tries++) {
    const isGone = await Deno.stat(RUNNING_FILE).then(() => false, () => true);
    const port = Number(new URL(variables.SUPABASE_DB_URL ?? "").port);
    const isFree = await Deno.connect({ port }).then((socket) => {
      socket.close();
      return false;
    }, () => true);
    if (isGone && isFree && !await isListening(variables.SUPABASE_URL ?? "")) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error("it has left something running");
}

/** `kill -9` of one session, at which the server ends all others and recovers. */
async function killSession(url: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
  if (row === undefined) throw new Error("no session");
  Deno.kill(row.pid, "SIGKILL");
  await sql`select 1`.catch(() => {});
  await sql.end({ timeout: 1 }).catch(() => {});
}

async function answersAgain(variables: Started["variables"]): Promise<void> {
  const { SUPABASE_URL: url = "", SUPABASE_SECRET_KEY: apikey = "" } = variables;
  for (let tries = 0; tries < 60; tries++) {
    const answer = await fetch(`${url}/rest/v1/clients?select=name`, { headers: { apikey } })
      .catch(() => null);
    const text = await answer?.text() ?? "";
    if (answer?.ok && text.includes("Kept")) return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error("it does not answer any more");
}

/** With what it has printed: the console's address, the ready operator's email and password. */
async function operatorSignsIn({ lines, variables }: Started): Promise<void> {
  const [address = "", operator = ""] = ["Console", "as operator"].map((name) =>
    lines.find((line) => line.includes(name)) ?? ""
  );
  const console = /http\S+/.exec(address)?.[0] ?? "";
  const { url, publishableKey } = await (await fetch(`${console}/config.json`)).json();
  strictEqual(url, variables.SUPABASE_URL);
  match(await (await fetch(console)).text(), /<script type="module" src="assets\//);
  const [, email, password] = /(\S+@\S+), password (\S+)/.exec(operator) ?? [];
  const answer = await fetch(`${url}/auth/v1/token?grant_type=password`, {
    method: "POST",
    headers: { apikey: publishableKey, "content-type": "application/json" },
    body: JSON.stringify({ email, password }),
  });
  const { access_token } = await answer.json();
  const health = await fetch(`${url}/functions/v1/billing/health`, {
    headers: { apikey: publishableKey, authorization: `Bearer ${access_token}` },
  });
  strictEqual(health.status, 200, await health.text());
}

Deno.test("npm start says where it is, keeps data, survives a killed session, ends on SIGTERM", async () => {
  const data = join(await Deno.makeTempDir({ dir: "/tmp" }), "kept");
  await Deno.chmod(join(data, ".."), 0o755);
  const first = await start("--data", data);
  const { variables } = first;
  for (const key of ["PUBLISHABLE", "SECRET", "CRON", "AGENT"]) {
    ok(first.lines.some((line) => line.includes(variables[`SUPABASE_${key}_KEY`] ?? "?")), key);
  }
  ok(first.lines.some((line) => line.includes(RUNNING_FILE)));
  await operatorSignsIn(first);
  const sql = postgres(variables.SUPABASE_DB_URL ?? "", { max: 1, onnotice: () => {} });
  await sql`insert into public.clients (name, external_id) values ('Kept', 'kept')`;
  await sql.end();
  // The shell finds it, on whatever port it had to take.
  const listed = await runCommand("npm", ["run", "--silent", "billing", "--", "clients"]);
  match(listed.output, /Kept/);
  await killSession(variables.SUPABASE_DB_URL ?? "");
  await answersAgain(variables);
  first.child.kill("SIGTERM");
  await ended(first);

  const second = await start("--data", data);
  const again = postgres(second.variables.SUPABASE_DB_URL ?? "", { max: 1, onnotice: () => {} });
  const [row] = await again`select count(*)::int as clients from public.clients`;
  strictEqual(row?.clients, 1);
  // The ready customer sees the first client there is.
  const [member] = await again`select count(*)::int as members from public.client_members`;
  strictEqual(member?.members, 1);
  await again.end();
  // What npm was started by is gone without a word.
  second.child.kill("SIGKILL");
  await ended(second);
  await Deno.remove(join(data, ".."), { recursive: true });
});
