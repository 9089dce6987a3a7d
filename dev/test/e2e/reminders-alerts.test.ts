import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import type { Sql } from "postgres";
import {
  billJune,
  type DeliveryWorld,
  seedJune,
  withDeliveryWorld,
} from "../support/delivery-world.ts";

/** Runs the job's own command as pg_cron would at that instant, twice at once. */
async function fire(sql: Sql, job: string, at: string): Promise<void> {
  const [found] = await sql`select command from cron.job where jobname = ${job}`;
  const once = () =>
    sql.begin(async (transaction) => {
      await transaction`select set_config('billing.as_of', ${at}, true)`;
      await transaction.unsafe(String(found?.command));
    });
  await Promise.all([once(), once()]);
}

/** What came for a client, oldest first. */
function mailsTo({ smtp }: DeliveryWorld, address: string) {
  return smtp.received.filter(({ to }) => to?.[0]?.address === address);
}

/** Each morning from the day after issue to well past the last reminder. */
function* mornings(): Generator<string> {
  for (let day = Date.UTC(2026, 6, 2); day <= Date.UTC(2026, 8, 20); day += 86_400_000) {
    yield new Date(day).toISOString().slice(0, 10);
  }
}

Deno.test("a client is reminded before, on and after the due day, each once, until it has paid", () =>
  withDeliveryWorld(async (world) => {
    const { sql, work, states } = world;
    await sql`update public.billing_settings set seller_email = 'ar@leveredge.test'`;
    await seedJune(sql, 2);
    await billJune(sql);
    await fire(sql, "billing-overdue", "2026-07-24 09:15:00+00");
    deepStrictEqual(await states("email"), { waiting: 2 }, "none overtakes the invoice");
    await work();
    const pay = (client: number, amount: number, day: string) =>
      sql`select billing.record_payment(i.id, ${amount}::bigint, ${`${day} 08:00+00`}::timestamptz)
        from public.invoices i join public.clients c on c.id = i.client_id
        where c.external_id = ${`client-${client}`}`;
    for (const day of mornings()) {
      if (day === "2026-08-10") await pay(1, 1000, day);
      if (day === "2026-08-05") await pay(2, 6001, day);
      await fire(sql, "billing-overdue", `${day} 09:15:00+00`);
      if ((await states("email")).queued !== undefined) await work();
    }
    // The invoice of 1 July is due on 31 July: 7 days before, then, 7, 14 and 30 days after.
    const reminded = mailsTo(world, "client-1@example.test");
    deepStrictEqual(reminded.map(({ subject }) => subject), [
      "Rechnung INV-2026-000001 von LeverEdge",
      "Erinnerung: Rechnung INV-2026-000001 ist am 31.07.2026 fällig",
      "Erinnerung: Rechnung INV-2026-000001 ist heute fällig",
      ...Array(3).fill("Überfällig: Rechnung INV-2026-000001 war am 31.07.2026 fällig"),
    ]);
    deepStrictEqual(mailsTo(world, "client-2@example.test").length, 3, "none after payment");
    const queued = await sql`select payload ->> 'days' as days from public.deliveries d
      join public.clients c on c.id = d.client_id
      where event = 'reminder' and c.external_id = 'client-1' order by d.id`;
    deepStrictEqual(queued.map(({ days }) => days), ["-7", "0", "7", "14", "30"]);
    // Its language, what was paid taken off, one thread, answers to the seller, PDF.
    const [invoice] = reminded;
    const owed = reminded.map(({ text }) => /Zu zahlen: (.*)/.exec(text ?? "")?.[1]);
    deepStrictEqual(owed.map((amount) => amount?.replace(/\s/g, " ")), [
      ...Array(4).fill("60,00 US$"),
      ...Array(2).fill("50,00 US$"),
    ]);
    for (const mail of reminded) {
      strictEqual(mail.replyTo?.[0]?.address, "ar@leveredge.test");
      deepStrictEqual(mail.attachments.map(({ filename }) => filename), ["INV-2026-000001.pdf"]);
      if (mail !== invoice) strictEqual(mail.inReplyTo, invoice?.messageId);
    }
    strictEqual(new Set(reminded.map(({ messageId }) => messageId)).size, 6);
  }));

/** What operators are told of at that hour, the jobs firing again an hour later. */
async function toldOperators(
  { sql, work, hermes, smtp }: DeliveryWorld,
  day: string,
): Promise<string[]> {
  const before = [hermes.received.length, smtp.received.length];
  await sql`select _billing.rollup()`;
  await fire(sql, "billing-alerts", `${day} 13:25:00+00`);
  await work();
  await fire(sql, "billing-alerts", `${day} 14:25:00+00`);
  await work();
  const messages = hermes.received.slice(before[0]).map(({ body }) =>
    `${body.priority}: ${body.message}`
  ).sort();
  const mails = smtp.received.slice(before[1]);
  deepStrictEqual(
    mails.map(({ to }) => to?.[0]?.address),
    messages.map(() => "ops@example.test"),
  );
  for (const message of messages) {
    const said = message.slice(message.indexOf(": ") + 2);
    ok(mails.some(({ text }) => text?.replace(/\s+/g, " ").includes(said)), said);
  }
  return messages;
}

Deno.test("operators hear of budgets, jumps, unpriced and unowned usage, once per period", () =>
  withDeliveryWorld(async (world) => {
    const { sql } = world;
    await sql`update public.billing_settings set operator_emails = '{ops@example.test}'`;
    await sql`insert into public.clients (name, external_id, started_on)
      values ('Spender', 'spender', '2026-06-01'), ('Jumper', 'jumper', '2026-06-01')`;
    await sql`insert into public.client_budgets (client_id, amount_minor)
      select id, 10000 from public.clients where name = 'Spender'`;
    const use = (client: string | null, day: string, tokens: number, cost = 0, model = "sonnet") =>
      sql`insert into public.agent_usage_logs (agent, model, input_tokens, total_cost, "timestamp",
          client_id)
        values (${client === null ? "STRAY" : "SCHOLAR"}, ${`claude-${model}`}, ${tokens}, ${cost},
          ${`${day} 12:00+00`}, (select id from public.clients where external_id = ${client}))`;
    const told = (day: string) => toldOperators(world, day);

    // Sonnet costs $3.00 per million.
    await use("spender", "2026-06-10", 16_000_000);
    deepStrictEqual(await told("2026-06-10"), []);
    const budget = (spent: string, percent: number, period = "2026-06-01") =>
      `Spender has used ${spent} USD of its budget of 100.00 USD in the period from ${period} ` +
      `(${percent} %).`;
    for (
      const [day, tokens, expected] of [
        ["2026-06-11", 1_000_000, `normal: ${budget("51.00", 51)}`],
        ["2026-06-12", 10_000_000, `normal: ${budget("81.00", 81)}`],
        ["2026-06-13", 7_000_000, `high: ${budget("102.00", 102)}`],
      ] as const
    ) {
      await use("spender", day, tokens);
      deepStrictEqual(await told(day), [expected]);
    }
    await use("spender", "2026-06-14", 50_000_000);
    deepStrictEqual(await told("2026-06-14"), [], "beyond the last threshold: told already");

    for (let day = 10; day < 19; day++) await use("jumper", `2026-06-${day}`, 1, 2);
    deepStrictEqual(await told("2026-06-19"), []);
    await use("jumper", "2026-06-19", 1, 30);
    deepStrictEqual(await told("2026-06-20"), [
      "high: Usage of Jumper on 2026-06-19 cost 30.00 USD, " +
      "1.29 USD on an average day of the two weeks before.",
    ]);

    await use("jumper", "2026-06-20", 5, 0, "mystery-1");
    await use(null, "2026-06-20", 5);
    const [nobody = "", unpriced = "", ...more] = await told("2026-06-21");
    match(nobody, /^high: Agent STRAY has logged 1 calls that belong to no client\./);
    match(unpriced, /^high: Model claude-mystery-1 of client Jumper has no price for input_tokens/);
    deepStrictEqual(more, []);
    deepStrictEqual(await told("2026-06-22"), []);

    // A new period: the budget begins anew, and what is still wrong is told of again.
    await use("spender", "2026-07-02", 17_000_000);
    const july = await told("2026-07-02");
    strictEqual(july.length, 3);
    ok(july.includes(`normal: ${budget("51.00", 51, "2026-07-01")}`));
  }));
