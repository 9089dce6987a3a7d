import type { Sql } from "postgres";
import { z } from "zod";
import { parseInstant } from "../../../shared/rater/calendar.ts";
import type { CreditEntry } from "../../rater/credit-events.ts";
import { creditAt } from "../../rater/credits.ts";
import type { Random } from "../support/random.ts";

const grants = z.array(z.object({ id: z.string(), client: z.string(), kind: z.string() }));
const balances = z.array(z.object({ wallet: z.string(), minor: z.string() }));

/** From the first grant on. */
const FIRST = Date.parse("2026-02-01");
const ASKED = 10;
/** Credit that has expired so long ago may still be used. */
const RECENT = 10 * 86_400_000;

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
    const found: string[] = [];
    for (let turn = 0; turn < ASKED; turn++) {
      const instant = new Date(FIRST + random.below(1500) * 43_200_000).toISOString();
      for (const [wallet, minor] of await balancesAt(sql, instant)) {
        const replayed = creditAt(byWallet.get(wallet) ?? [], parseInstant(instant));
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
  async remember(sql: Sql, random: Random, until: number): Promise<void> {
    for (let turn = 0; turn < ASKED && until > FIRST; turn++) {
      const since = random.chance(25) ? FIRST : Math.max(FIRST, until - RECENT);
      const instant = new Date(since + random.below(until - since)).toISOString();
      this.#known.set(instant, await balancesAt(sql, instant));
    }
  }
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
