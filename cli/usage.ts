import { runCommandLine } from "./command-line.ts";
import { connect } from "./connection.ts";
import { readRunning } from "./local-platform.ts";
import { usageCommand } from "./usage-command.ts";

// npm run usage                              all clients, the last 30 days
// npm run usage -- --client-id acme --json
const running = await readRunning();
const terminal = { out: console.log, error: console.error };
const command = usageCommand({
  connect: () => connect(Deno.env.toObject(), running),
  today: () => new Date(),
  terminal,
});
Deno.exit(await runCommandLine(command, Deno.args, terminal));
