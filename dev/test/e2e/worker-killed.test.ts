import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { billJune, seedJune, withDeliveryWorld } from "../support/delivery-world.ts";
import { dieAt } from "../support/die-at.ts";

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
    await sql`select _billing.skip_deliveries('stripe', 'Stripe is off')`;
    for (const death of DEATHS) {
      await dieAt(death, world);
      await passTime();
    }
    // What has ended two workers comes last, one by one, each followed by what waited for it.
    for (let n = 0; n < DEATHS.length; n++) await work();
    deepStrictEqual(await states("archive"), { done: 12 });
    deepStrictEqual(await states("email"), { done: 12 });
    deepStrictEqual(await states("hermes"), { done: 14 });
    strictEqual((await files()).length, 12);
    // SMTP cannot be asked whether it has a mail: one sent again has the same Message-ID.
    strictEqual(new Set(smtp.received.map(({ messageId }) => messageId)).size, 12);
    strictEqual(new Set(hermes.received.map(({ key }) => key)).size, 14);
    const again = smtp.received.length - 12;
    strictEqual(again > 0 && again <= 2, true, `${again} mails were sent twice`);
  }));
