/** Operators who edit terms, clients and assignments while everything goes on. */
import type { TransactionSql } from "postgres";
import type { Random } from "../../test/support/random.ts";
import { attempt } from "../attempt.ts";
import { CAST, FLOATING, idOf } from "../cast.ts";
import type { Actor, Stage } from "../stage.ts";

interface Edit {
  readonly what: string;
  readonly touches: readonly string[];
  readonly work: (tx: TransactionSql) => Promise<unknown>;
}

/** One edit after the other, each a transaction of its own. */
export function editor(stage: Stage): Actor {
  const edits = [changePrice, changeConfig, releasePrice, moveAgent, moveAgent, changeClient];
  return {
    name: "editor",
    pauseMs: 1500,
    act: (random) => {
      const make = random.pick([changePrice, ...edits]);
      const { what, touches, work } = make(stage, random);
      return attempt(stage.history, {
        actor: "editor",
        what,
        touches,
        // Ranges that overlap, because somebody else was quicker.
        mayFailBy: ["23P01", "23514"],
      }, async () => {
        await stage.sql.begin(async (tx) => {
          await tx`select set_config('billing.as_of',
            ${stage.calendar.now().toISOString()}, true)`;
          await work(tx);
        });
        return "";
      });
    },
  };
}

/** A price that is the client's own from some day soon on, or from the first of this month. */
function changePrice({ calendar }: Stage, random: Random): Edit {
  const one = random.pick(CAST);
  const metric = random.pick(["output_tokens", "crawls", "web_searches"]);
  const currency = one.name === "Eve" ? "EUR" : "USD";
  const soon = new Date(calendar.now().getTime() + random.between(3, 20) * 86_400_000);
  const day = random.chance(35) ? calendar.month() : soon.toISOString().slice(0, 10);
  const amount = `${random.between(1, 9)}.${random.below(10_000)}`;
  return {
    what: `price of ${one.name} for ${metric} from ${day}: ${amount} a thousand`,
    touches: [`client ${one.name}`],
    work: async (tx) => {
      await tx`update public.prices set effective_until = ${day}
        where client_id = ${idOf(one)} and scope = 'any' and metric = ${metric}
          and effective_from < ${day} and effective_until > ${day}`;
      await tx`insert into public.prices (client_id, metric, currency, unit_amount, per_units,
          effective_from)
        values (${idOf(one)}, ${metric}, ${currency}, ${amount}, 1000, ${day})`;
    },
  };
}

/** Other terms from the first of a month to come on. */
function changeConfig({ calendar }: Stage, random: Random): Edit {
  const one = random.pick(CAST);
  const from = calendar.month(random.between(1, 2));
  const minimum = random.between(0, 60) * 100;
  return {
    what: `config of ${one.name} from ${from}: minimum ${minimum}`,
    touches: [`client ${one.name}`],
    work: async (tx) => {
      const [old] = await tx<{ id: string }[]>`
        update public.billing_config set effective_until = ${from}
        where client_id = ${idOf(one)} and effective_from < ${from} and effective_until > ${from}
        returning id`;
      await tx`
        insert into public.billing_config (client_id, effective_from, currency, minimum_minor,
          discount_percent, discount_minor, taxes, line_grouping, grace_hours)
        select ${idOf(one)}, ${from}, o.currency, ${minimum}, o.discount_percent, o.discount_minor,
          o.taxes, o.line_grouping, o.grace_hours
        from (values (1)) one left join public.billing_config o on o.id = ${old?.id ?? null}`;
    },
  };
}

/** A price for one of the models that nobody had priced. */
function releasePrice(_stage: Stage, random: Random): Edit {
  const model = `mystery-${random.below(4)}`;
  return { what: `a price for ${model}`, touches: ["prices"], work: (tx) => priceModel(tx, model) };
}

/** The prices that a model needs, where it has none, and how its tokens are counted. */
export async function priceModel(tx: TransactionSql, model: string): Promise<void> {
  await tx`
    insert into public.models (id, family, provider) values (${model}, ${model}, 'openai')
    on conflict do nothing`;
  await tx`
    insert into public.prices (model, metric, unit_amount, per_units)
    select ${model}, m.metric, 2, 1000000
    from unnest('{input_tokens,output_tokens,cache_read_tokens,cache_write_tokens,
      reasoning_tokens}'::text[]) m(metric)
    where not exists (select from public.prices p where p.model = ${model})`;
}

/** An agent works for one client until some day, for another from then on. */
function moveAgent({ calendar }: Stage, random: Random): Edit {
  const agent = random.pick(FLOATING);
  const [one, other] = [random.pick(CAST), random.pick(CAST)];
  const at = new Date(calendar.now().getTime() - random.below(50) * 86_400_000).toISOString();
  return {
    what: `${agent} works for ${one.name}, from ${at.slice(0, 10)} on for ${other.name}`,
    touches: [`agent ${agent}`, `client ${one.name}`, `client ${other.name}`],
    work: async (tx) => {
      await tx`delete from public.agent_assignments where agent = ${agent}`;
      await tx`insert into public.agent_assignments (agent, client_id, ends_at)
        values (${agent}, ${idOf(one)}, ${at})`;
      await tx`insert into public.agent_assignments (agent, client_id, starts_at)
        values (${agent}, ${idOf(other)}, ${at})`;
    },
  };
}

function changeClient(_stage: Stage, random: Random): Edit {
  const one = random.pick(CAST);
  const touches = [`client ${one.name}`];
  const id = idOf(one);
  if (random.chance(50)) {
    const status = random.chance(35) ? "paused" : "active";
    return {
      what: `${one.name} is ${status}`,
      touches,
      work: (tx) => tx`update public.clients set status = ${status} where id = ${id}`,
    };
  }
  const email = random.chance(20) ? null : `ap${random.below(100)}@${one.name}.example`;
  return {
    what: `${one.name} has the address ${email}`,
    touches,
    work: (tx) => tx`update public.clients set email = ${email} where id = ${id}`,
  };
}
