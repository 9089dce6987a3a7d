import { requestsTo } from "./requests.ts";
import { Tally } from "./tally.ts";
import type { LoadWorld } from "./world.ts";

/** What came of asking for more than can be done. */
export interface FloodOutcome {
  readonly tally: Tally;
  readonly accepted: number;
  /** Refusals that did not say when to come again. */
  readonly withoutRetryAfter: number;
}

const BATCH = 200;

/** Posts batches and webhooks and reads, so many at once, for so many seconds, without a pause. */
export async function flood(
  world: LoadWorld,
  { seconds, atOnce }: { readonly seconds: number; readonly atOnce: number },
): Promise<FloodOutcome> {
  const requests = requestsTo(world);
  const tally = new Tally();
  let accepted = 0;
  let withoutRetryAfter = 0;
  const until = performance.now() + seconds * 1000;
  const callers = Array.from({ length: atOnce }, async (_, caller) => {
    while (performance.now() < until) {
      const outcome = caller % 10 === 0
        ? await tally.time("read", requests.read)
        : await tally.time("ingest, 200", () => requests.ingest(BATCH));
      if (outcome.status < 300 && caller % 10 !== 0) accepted += BATCH;
      if (outcome.status > 428 && !outcome.headers.has("retry-after")) withoutRetryAfter++;
    }
  });
  await Promise.all(callers);
  return { tally, accepted, withoutRetryAfter };
}
