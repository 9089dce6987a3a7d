/** Operators who change what has been invoiced, by the means that there are. */
import type { Random } from "../../test/support/random.ts";
import { attempt, glance } from "../attempt.ts";
import { CAST, type CastClient, idOf } from "../cast.ts";
import type { Fact } from "../ledger.ts";
import type { LogRow } from "../log-rows.ts";
import type { Actor, Stage } from "../stage.ts";

interface Invoice {
  readonly id: string;
  readonly number: string;
  readonly name: string;
  readonly due: number;
}

/** Voids and bills again, credits, takes payments, writes off. */
export function accountant(stage: Stage): Actor {
  const { sql, calendar } = stage;
  const act = async (random: Random) => {
    const at = calendar.now();
    const deed = random.below(100);
    if (deed < 12) {
      return await toInvoice(
        stage,
        random,
        ["open"],
        "void",
        ({ id }) => sql`select billing.void_invoice(${id}, 'torture', ${at})`,
      );
    }
    if (deed < 40) {
      return await toInvoice(
        stage,
        random,
        ["void"],
        "regenerate",
        ({ id }) => sql`select billing.regenerate_invoice(${id}, ${at})`,
      );
    }
    if (deed < 55) {
      const amount = random.between(1, 400);
      return await toInvoice(
        stage,
        random,
        ["open", "paid"],
        `credit ${amount}`,
        ({ id }) =>
          sql`select billing.issue_credit_note(${id}, 'torture', ${amount},
          as_of => ${at}) as key`,
        "credit_note",
      );
    }
    if (deed < 97) {
      const reference = `bank-${random.below(1e6)}`;
      return await toInvoice(stage, random, ["open"], `payment ${reference}`, (one) => {
        const amount = random.chance(70) ? one.due : random.between(1, one.due + 200);
        return sql`select billing.record_payment(${one.id}, ${amount}, ${at}, 'bank',
          ${reference}), ${reference} as key`;
      }, "payment");
    }
    return await toInvoice(
      stage,
      random,
      ["open"],
      "write off",
      ({ id }) => sql`select billing.mark_uncollectible(${id}, ${at})`,
    );
  };
  return { name: "accountant", pauseMs: 1200, act };
}

/** Does something to an invoice that is chosen by chance; an acknowledged act is a fact. */
async function toInvoice(
  { sql, history, ledger }: Stage,
  random: Random,
  statuses: readonly string[],
  what: string,
  work: (invoice: Invoice) => Promise<readonly { key?: string }[]>,
  kind?: Fact["kind"],
): Promise<void> {
  const [invoice] = await glance(sql<Invoice[]>`
    select i.id, i.number, c.name, i.amount_due_minor::int as due
    from public.invoices i join public.clients c on c.id = i.client_id
    where i.status = any (${statuses}) and i.number is not null
      and (i.kind = 'period' or i.status <> 'void')
      and (i.status <> 'void' or exists (select from public.billing_periods p
        where p.client_id = i.client_id and p.period_start = i.period_start
          and p.state = 'voided'))
    order by md5(i.id::text || ${random.below(1e6)}::text) limit 1`);
  if (invoice === undefined) return;
  const touches = [`client ${invoice.name}`];
  const result = await attempt(history, {
    actor: "accountant",
    what: `${what}: ${invoice.number} of ${invoice.name}`,
    touches,
  }, async () => (await work(invoice))[0]?.key ?? "");
  if (result.outcome === "done" && kind !== undefined) {
    ledger.accept({ kind, key: result.value, touches });
  }
}

/** Corrects and retracts what was logged lately. */
export function corrector({ sql, history, ledger, recent }: Stage): Actor {
  return {
    name: "corrector",
    pauseMs: 1500,
    act: async (random) => {
      const row = worthCorrecting(recent, random);
      if (row === undefined) return;
      const retracts = random.chance(40);
      const counts = JSON.stringify(restated(random));
      const touches = [`agent ${row.agent}`];
      const result = await attempt(history, {
        actor: "corrector",
        what: `${retracts ? "retract" : `correct to ${counts}`}: log ${row.id} of ${row.agent}`,
        touches,
      }, async () => {
        const [made] = retracts
          ? await sql<{ id: string | null }[]>`
            select billing.retract_log(${row.id}, 'torture') as id`
          : await sql<{ id: string | null }[]>`
            select billing.correct_log(${row.id}, ${counts}::text::jsonb, 'torture') as id`;
        return made?.id ?? "";
      });
      if (result.outcome === "done" && result.value !== "") {
        ledger.accept({ kind: "correction", key: result.value, touches });
      }
    },
  };
}

/** Any row, or one of the few whose parts have no whole. */
function worthCorrecting(recent: readonly LogRow[], random: Random): LogRow | undefined {
  const odd = recent.filter(({ input_tokens, output_tokens, metadata }) =>
    "reasoning_tokens" in metadata && input_tokens === 0 && output_tokens === 0
  );
  const among = odd.length > 0 && random.chance(40) ? odd : recent;
  return among[random.below(Math.max(among.length, 1))];
}

/** One count or all of them, parts that are more than their wholes included. */
function restated(random: Random): Record<string, unknown> {
  const input_tokens = random.below(90_000);
  if (random.chance(50)) return { input_tokens };
  return {
    input_tokens: random.chance(30) ? 0 : input_tokens,
    output_tokens: random.chance(30) ? 0 : random.below(20_000),
    web_searches: random.below(4),
    cache_read_tokens: random.below(90_000),
    cache_write_tokens: random.below(5000),
    reasoning_tokens: random.below(9000),
    ...random.chance(30) ? { other_features: { crawls: random.below(40) } } : {},
  };
}

/** Puts charges on invoices to come, or on one of their own at once. */
export function itemClerk(stage: Stage): Actor {
  return {
    name: "item clerk",
    pauseMs: 4000,
    act: async (random) => {
      const clients = CAST.filter(({ takesItems }) => takesItems);
      const one = clients[random.below(clients.length)];
      if (one === undefined) return;
      await putItem(stage, one, `${random.between(5, 90)}`, random.chance(40));
    },
  };
}

/** A charge of a client by hand; `alone` on an invoice of its own. */
export async function putItem(
  { sql, history, ledger, calendar }: Stage,
  one: CastClient,
  amount: string,
  alone = false,
): Promise<void> {
  const touches = [`client ${one.name}`];
  const at = calendar.now();
  const result = await attempt(history, {
    actor: "item clerk",
    what: `an item for ${one.name}${alone ? ", on an invoice of its own" : ""}`,
    touches,
  }, () =>
    sql.begin(async (tx) => {
      const [item] = await tx<{ id: string }[]>`
        insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
        values (${idOf(one)}, 'Support', ${amount}, 'USD', ${at.toISOString().slice(0, 10)})
        returning id`;
      const id = item?.id ?? "";
      if (alone) {
        await tx`select billing.finalize_invoice(
          billing.create_one_off_invoice(array[${id}::uuid], ${at}), ${at})`;
      }
      return id;
    }));
  if (result.outcome === "done") ledger.accept({ kind: "item", key: result.value, touches });
}
