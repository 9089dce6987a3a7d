import { progressTo } from "./terminal/progress.ts";
import { billingCommand } from "./billing-command.ts";
import { tokenSigner } from "./agent-token.ts";
import { runCommandLine } from "./command-line.ts";
import { connect, connectSupabase, download, installation } from "./connection.ts";
import { asker } from "./terminal/ask.ts";
import { readRunning } from "./local-platform.ts";

// npm run billing -- --help
const running = await readRunning();
const encoder = new TextEncoder();
const terminal = { out: console.log, error: console.error };
const command = billingCommand({
  connect: () => connect(Deno.env.toObject(), running),
  terminal,
  download: (address) =>
    download(installation(Deno.env.toObject(), running), address, (bytes) => {
      // A pipe may take a part at a time.
      for (let sent = 0; sent < bytes.length;) sent += Deno.stdout.writeSync(bytes.subarray(sent));
    }),
  init: {
    ask: asker(),
    today: () => new Date(),
    saveSeller: async (seller) => {
      const { error } = await connectSupabase(Deno.env.toObject(), running)
        .from("billing_settings").update(seller).eq("id", true);
      if (error !== null) throw new Error(error.message);
    },
  },
  databaseUrl: Deno.env.get("SUPABASE_DB_URL") ?? running.SUPABASE_DB_URL,
  signToken: (key) => tokenSigner(Deno.env.toObject())(key),
  // On stderr: stdout holds the result alone, for pipes.
  progress: progressTo({
    write: (text) => Deno.stderr.writeSync(encoder.encode(text)),
    isTerminal: Deno.stderr.isTerminal(),
    now: () => performance.now(),
  }),
});
Deno.exit(await runCommandLine(command, Deno.args, terminal));
