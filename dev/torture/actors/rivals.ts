/** Two delivery workers who ask for work at the same moment. */
import type { Sql } from "postgres";
import { z } from "zod";
import { attempt } from "../attempt.ts";
import type { Actor, Stage } from "../stage.ts";

const taken = z.array(z.object({
  id: z.string(),
  lease: z.string(),
  kind: z.string(),
  dedupe_key: z.string(),
}));
type Taken = z.infer<typeof taken>;

/** Something that was carried out. */
export type Arrival = Pick<Taken[number], "kind" | "dedupe_key">;

/** `arrived` gets each delivery as often as it is carried out. */
export function rivals({ sql, history }: Stage, arrived: Arrival[]): Actor {
  return {
    name: "rivals",
    pauseMs: 500,
    act: () =>
      attempt(history, { actor: "rivals", what: "two workers", touches: [] }, async () => {
        const both = await claimTwice(sql);
        for (const { id, lease, ...arrival } of both) {
          arrived.push(arrival);
          await sql`select _billing.finish_delivery(${id}, ${lease}, '{"kind": "done"}')`;
        }
        return both.length;
      }),
  };
}

/** The second asks while the transaction of the first is still open. */
async function claimTwice(sql: Sql): Promise<Taken> {
  const first = Promise.withResolvers<void>();
  const [one, other] = await Promise.all([
    sql.begin(async (tx) => {
      const claimed = await claim(tx);
      first.resolve();
      await tx`select pg_sleep(0.02)`;
      return claimed;
    }),
    first.promise.then(() => claim(sql)),
  ]);
  return [...one, ...other];
}

async function claim(sql: Pick<Sql, "unsafe">): Promise<Taken> {
  return taken.parse([
    ...await sql.unsafe(`select id::text, lease, kind, dedupe_key
      from _billing.claim_deliveries('{archive,stripe,email,hermes}', 3)`),
  ]);
}
