import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { denoBinary } from "../../platform/deno-binary.ts";
import { repositoryRoot } from "../../platform/repository.ts";
import { billJune, type DeliveryWorld, seedJune, withDeliveryWorld } from "./delivery-world.ts";

const DEATHS = [
  "archive:claimed",
  "archive:rendered",
  "archive:stored",
  "archive:handled",
  "archive:finished",
  "email:claimed",
  "email:rendered",
  "email:handled",
  "email:finished",
  "hermes:claimed",
  "hermes:handled",
  "hermes:finished",
];

Deno.test("a worker killed at any step loses nothing and files nothing twice", () =>
  withDeliveryWorld(async (world) => {
    const { sql, smtp, hermes, work, passTime, files, states } = world;
    await seedJune(sql, 12);
    await billJune(sql);
    await sql`select billing.skip_deliveries('stripe', 'Stripe is off')`;
    for (const death of DEATHS) {
      await dieAt(death, world);
      await passTime();
    }
    await work();
    deepStrictEqual(await states("archive"), { done: 12 });
    deepStrictEqual(await states("email"), { done: 12 });
    deepStrictEqual(await states("hermes"), { done: 13 });
    strictEqual((await files()).length, 12);
    // SMTP cannot be asked whether it has a mail: one sent again has the same Message-ID.
    strictEqual(new Set(smtp.received.map(({ messageId }) => messageId)).size, 12);
    strictEqual(new Set(hermes.received.map(({ key }) => key)).size, 13);
    const again = smtp.received.length - 12;
    strictEqual(again > 0 && again <= 2, true, `${again} mails were sent twice`);
  }));

/** Runs the worker in a process of its own, which must end by the signal that it sends itself. */
async function dieAt(death: string, { platform, hermes, smtp }: DeliveryWorld): Promise<void> {
  const { signal, stderr } = await new Deno.Command(denoBinary("current"), {
    args: ["run", "--allow-all", "--no-check", "--config=deno.json", "dev/test/dying-worker.ts"],
    cwd: repositoryRoot,
    env: {
      DIE_AT: death,
      SUPABASE_DB_URL: platform.urls.database,
      SUPABASE_URL: platform.urls.api,
      SECRET_KEY: platform.keys.secret,
      HERMES_URL: hermes.url,
      SMTP_URL: smtp.url,
      BILLING_FROM: "LeverEdge Billing <billing@leveredge.test>",
    },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  strictEqual(signal, "SIGKILL", `${death}: ${new TextDecoder().decode(stderr)}`);
}
