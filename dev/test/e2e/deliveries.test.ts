import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { billJune, seedJune, withDeliveryWorld } from "../support/delivery-world.ts";

Deno.test("deliveries refused for now arrive once the receivers accept, each once", () =>
  withDeliveryWorld(async ({ sql, hermes, smtp, work, states, passTime, files }) => {
    await seedJune(sql, 3);
    await billJune(sql);
    smtp.behave("busy");
    for (const behaviour of ["fail", "error", "garbage"] as const) {
      hermes.behave(behaviour);
      await passTime();
      await work();
      deepStrictEqual(await states("hermes"), { queued: 5 });
      deepStrictEqual(await states("email"), { queued: 3 });
    }
    const errors = await sql`select distinct kind, last_error from public.deliveries
      where state = 'queued' order by kind`;
    match(errors[0]?.last_error, /SMTP: .*451 try again later/);
    match(errors[1]?.last_error, /HERMES's answer breaks its contract: <html>/);
    hermes.behave("deliver");
    smtp.behave("accept");
    await work();
    deepStrictEqual(await states("email"), { queued: 3 }, "backoff: nothing is due yet");
    await passTime();
    await work();
    deepStrictEqual(await states("hermes"), { done: 5 });
    strictEqual(smtp.received.length, 3);
    strictEqual(new Set(smtp.received.map(({ messageId }) => messageId)).size, 3);
    const delivered = hermes.received.filter(({ status }) => status === "delivered");
    strictEqual(delivered.length, 5);
    strictEqual(new Set(delivered.map(({ key }) => key)).size, 5);
    strictEqual((await files()).length, 3);
  }));

Deno.test("a server that takes a mail and does not say so gets it again under the same id", () =>
  withDeliveryWorld(async ({ sql, smtp, work, passTime }) => {
    await seedJune(sql, 1);
    await billJune(sql);
    smtp.behave("forgetful");
    await work();
    smtp.behave("accept");
    await passTime();
    await work();
    const ids = smtp.received.map(({ messageId }) => messageId);
    strictEqual(ids.length, 2);
    strictEqual(ids[0], ids[1]);
    match(ids[0] ?? "", /^<invoice_issued\.[0-9a-f-]+\.email@leveredge\.test>$/);
  }));

Deno.test("an unknown address is dead at once, operators hear of it, a requeue delivers", () =>
  withDeliveryWorld(async ({ sql, hermes, smtp, work }) => {
    await seedJune(sql, 1);
    await billJune(sql);
    smtp.behave("unknown");
    await work();
    await work();
    const notice = hermes.received.find(({ body }) => body.message.includes("gave up"));
    match(notice?.body.message ?? "", /email, invoice_issued, INV-2026-000001, Client 1\) gave up/);
    strictEqual(notice?.body.priority, "high");
    const [report] = await sql`select deliveries_dead from billing.run_report`;
    strictEqual(report?.deliveries_dead, "1");
    smtp.behave("accept");
    await sql`select billing.requeue_deliveries()`;
    await work();
    strictEqual(smtp.received.length, 1);
  }));

Deno.test("names and refusals with signs of HTML are read on Telegram as they were written", () =>
  withDeliveryWorld(async ({ sql, hermes, smtp, work }) => {
    await seedJune(sql, 1);
    const name = "Müller & <Söhne> 🎉";
    await sql`update public.clients set name = ${name}, email = 'ap@acme.test'`;
    await billJune(sql);
    smtp.behave("unknown");
    await work();
    await work();
    const shown = hermes.received.map((notification) => notification.shown ?? "not shown");
    ok(shown.some((text) => text.startsWith(`Invoice INV-2026-000001 for ${name}: `)), shown[0]);
    const notice = shown.find((text) => text.includes("gave up")) ?? "";
    ok(notice.includes(name) && /<ap@acme\.test>/.test(notice), notice);
    ok(!shown.includes("not shown"));
  }));

Deno.test("HERMES and mail that are down for a day lose nothing, and operators hear of it by mail", () =>
  withDeliveryWorld(async ({ sql, hermes, smtp, work, passTime, states }) => {
    await seedJune(sql, 2);
    await sql`update public.billing_settings set operator_emails = '{ops@example.test}'`;
    await billJune(sql);
    await sql`select billing.queue_operator_alert('outage', 'high', 'Subject', 'Only <HERMES> has this')`;
    await sql`delete from public.deliveries where dedupe_key = 'outage:email'`;
    hermes.behave("fail");
    smtp.behave("busy");
    // As many tries as there are in the shortest day.
    for (let tries = 0; tries < 31; tries++) {
      await passTime();
      await work();
    }
    const of = async (kind: string) => Object.keys(await states(kind));
    deepStrictEqual([await of("hermes"), await of("email")], [["queued"], ["queued"]]);
    hermes.behave("deliver");
    smtp.behave("accept");
    await passTime();
    await work();
    deepStrictEqual([await of("hermes"), await of("email")], [["done"], ["done"]]);
    ok(smtp.received.some(({ text }) => text?.includes("Only <HERMES> has this")));
    ok(hermes.received.some(({ shown }) => shown === "Only <HERMES> has this"));
  }));

Deno.test("a receiver that hangs holds up nobody but its kind", () =>
  withDeliveryWorld(async ({ sql, hermes, smtp, work, states, files }) => {
    await seedJune(sql, 4);
    await billJune(sql);
    hermes.behave("hang");
    await work();
    strictEqual(smtp.received.length, 4);
    strictEqual((await files()).length, 4);
    deepStrictEqual(await states("hermes"), { queued: 6 });
    match(
      (await sql`select last_error from public.deliveries where kind = 'hermes'`)[0]?.last_error,
      /TimeoutError/,
    );
  }));

Deno.test("a mail server that hangs holds up nobody but mail, which arrives once it answers", () =>
  withDeliveryWorld(async ({ sql, hermes, smtp, work, passTime, states, files }) => {
    await seedJune(sql, 2);
    await billJune(sql);
    smtp.behave("hang");
    await work();
    deepStrictEqual(await states("hermes"), { done: 4 });
    strictEqual(hermes.received.length, 4);
    strictEqual((await files()).length, 2);
    deepStrictEqual(await states("email"), { queued: 2 });
    match(
      (await sql`select last_error from public.deliveries where kind = 'email'`)[0]?.last_error,
      /SMTP: Timeout/,
    );
    smtp.behave("accept");
    await passTime();
    await work();
    deepStrictEqual(await states("email"), { done: 2 });
    strictEqual(smtp.received.length, 2);
  }, { smtpQuery: "?socketTimeout=2000" }));

Deno.test("workers at once deliver everything once", () =>
  withDeliveryWorld(async ({ sql, hermes, smtp, work, states, files }) => {
    await seedJune(sql, 12);
    await billJune(sql);
    await Promise.all([work(), work(), work()]);
    await work();
    deepStrictEqual(await states("email"), { done: 12 });
    deepStrictEqual(await states("archive"), { done: 12 });
    deepStrictEqual(await states("hermes"), { done: 14 });
    strictEqual(smtp.received.length, 12);
    strictEqual(hermes.received.length, 14);
    strictEqual((await files()).length, 12);
    const [{ most }] = await sql<[{ most: number }]>`
      select max(attempts) as most from public.deliveries`;
    strictEqual(most, 1);
  }));
