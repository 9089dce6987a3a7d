import type { Sql } from "postgres";
import { z } from "zod";
import { parseInstant } from "../../../shared/rater/calendar.ts";
import type { CreditEntry } from "../../rater/credit-events.ts";
import { creditAt } from "../../rater/credits.ts";
import type { Random } from "../support/random.ts";

const grants = z.array(z.object({ id: z.string(), client: z.string(), kind: z.string() }));
const balances = z.array(z.object({ wallet: z.string(), minor: z.string() }));

const instant = z.string().transform(parseInstant);
const uses = z.array(z.object({
  wallet: z.string(),
  of: z.string(),
  minor: z.string().transform(BigInt),
  from: instant,
  until: instant.nullable(),
  expires: instant.nullable(),
}));

/** A line of promotional credit, above zero where it gives back, with the time that it stands. */
type Use = z.infer<typeof uses>[number];

/** From the first grant on. */
const FIRST = Date.parse("2026-02-01");
const ASKED = 10;
/** Credit that has expired so long ago may still be used. */
const RECENT = 10 * 86_400_000;
/** What is granted from today on counts from the midnight of the client's zone, 37 hours ago. */
const ZONES = 2 * 86_400_000;

type Wallets = ReadonlyMap<string, string>;

/** Balances at instants of the past, as they were when they were first asked for. */
export class PastBalances {
  readonly #known = new Map<string, Wallets>();

  /**
   * Ten instants from the first to the last entry, of all clients, that are not what the rater's
   * entries come to; and those that were the past before, and are not what they were.
   */
  async wrongs(sql: Sql, random: Random, rated: readonly CreditEntry[]): Promise<string[]> {
    const walletOf = new Map(
      grants.parse(await sql`select id, client_id as client, kind from public.credit_grants`)
        .map(({ id, client, kind }) => [id, `${client} ${kind === "promotional"}`]),
    );
    const byWallet = Map.groupBy(rated, ({ grant }) => walletOf.get(grant) ?? "");
    const lines = await readUses(sql);
    const found: string[] = [];
    for (let turn = 0; turn < ASKED; turn++) {
      const instant = new Date(FIRST + random.below(1500) * 43_200_000).toISOString();
      const at = parseInstant(instant);
      for (const [wallet, minor] of await balancesAt(sql, instant)) {
        const replayed = creditAt(byWallet.get(wallet) ?? [], at) -
          toTakeAgain(lines.filter((use) => use.wallet === wallet), at);
        if (BigInt(minor) !== replayed) {
          found.push(`${wallet} at ${instant}: ${minor}, not ${replayed}`);
        }
      }
    }
    for (const [instant, known] of this.#known) {
      for (const [wallet, minor] of await balancesAt(sql, instant)) {
        const was = known.get(wallet);
        if (minor !== was) found.push(`${wallet} at ${instant} was ${was}, is now ${minor}`);
      }
    }
    return found;
  }

  /** Remembers balances at instants of which nothing will happen any more, most of them recent. */
  async remember(sql: Sql, random: Random, now: number): Promise<void> {
    const until = now - ZONES;
    for (let turn = 0; turn < ASKED && until > FIRST; turn++) {
      const since = random.chance(25) ? FIRST : Math.max(FIRST, until - RECENT);
      const instant = new Date(since + random.below(until - since)).toISOString();
      this.#known.set(instant, await balancesAt(sql, instant));
    }
  }
}

/** What is given back of uses that are void: the invoices in their place take it again. */
function toTakeAgain(lines: readonly Use[], at: bigint): bigint {
  const standing = lines.filter(({ from, until, expires }) =>
    from <= at && (until === null || until > at) && (expires === null || expires > at)
  );
  return [...Map.groupBy(standing, ({ of }) => of).values()].reduce((all, some) => {
    const back = some.reduce((sum, { minor }) => sum + minor, 0n);
    return back > 0n ? all + back : all;
  }, 0n);
}

/** By client, period and grant: lines of invoices until these are void, and of credit notes. */
async function readUses(sql: Sql): Promise<Use[]> {
  return uses.parse(
    await sql`
    select concat_ws(' ', g.client_id, 'true') as wallet,
      concat_ws(' ', l.section_start, g.id) as of, l.minor::text, l.at::text as from,
      l.voided_at::text as until, g.expires_at::text as expires
    from (
      select x.section_start, x.rating_key, x.amount_minor as minor, i.finalized_at as at,
        i.voided_at
      from public.invoices i join public.invoice_lines x on x.invoice_id = i.id
      where x.kind = 'promotional_credit' and i.finalized_at is not null
      union all
      select x.section_start, x.rating_key, -x.amount_minor, n.issued_at, n.voided_at
      from public.credit_notes n join public.credit_note_lines x on x.credit_note_id = n.id
      where x.kind = 'promotional_credit'
    ) l
    join public.credit_grants g on g.id::text = split_part(l.rating_key, '|', 2)`,
  );
}

async function balancesAt(sql: Sql, instant: string): Promise<Wallets> {
  const rows = balances.parse(
    await sql`
    select concat_ws(' ', c.id, x.promotional) as wallet,
      coalesce(sum(x.amount_minor), 0)::text as minor
    from public.clients c
    cross join lateral (
      select 'false' as promotional, (select sum(g.amount_minor)
        from billing.granted_credit(c.id, ${instant}::timestamptz) g) as amount_minor
      union all
      select 'true', (select sum(p.amount_minor)
        from billing.promotional_credit(c.id, ${instant}::timestamptz) p)
    ) x
    group by c.id, x.promotional`,
  );
  return new Map(rows.map(({ wallet, minor }) => [wallet, minor]));
}
