import { z } from "zod";
import { SourceUnreadable } from "../../../../shared/catalogue/list-price.ts";
import {
  PRICE_SOURCES,
  type PriceSource,
  readSource,
} from "../../../../shared/catalogue/sources.ts";
import { type GivenModel, givenModels } from "../../../../shared/catalogue/sync-batches.ts";
import { sha256Of } from "../../../../shared/sha256.ts";
import type { DeliveryOutcome } from "../../_shared/outbound/outcome.ts";
import type { SourceText } from "../outbound/price-source.ts";
import type { DeliveryKindModule } from "../kind.ts";
import type { DeliveryJob } from "../types.ts";

export const kind: DeliveryKindModule = {
  portion: 1,
  open: ({ syncer }) => ({ handler: (job) => syncer.sync(job) }),
};

/** All that a source says, as it is compared with the catalogue. */
export interface SourceSync {
  readonly source: PriceSource;
  readonly sha256: string;
  readonly fetchedAt: string;
  readonly models: readonly GivenModel[];
  readonly raw: Uint8Array;
}

/** The database's side. Rejects when it does not answer. */
export interface PriceTables {
  /** Where the source is; null where it is off. */
  url(source: PriceSource): Promise<string | null>;
  /** Whether this text says nothing new. Ends what was wrong with the source, then. */
  isCompared(source: PriceSource, sha256: string): Promise<boolean>;
  /** Compares all of it in one transaction. Throws `SourceUnreadable` where it looks cut off. */
  compare(sync: SourceSync): Promise<Readonly<Record<string, number>>>;
  /** Notes why the source cannot be read; operators are told when that begins. */
  noteProblem(source: PriceSource, problem: string): Promise<void>;
}

const payload = z.object({ source: z.enum(PRICE_SOURCES) });

/** Tries before operators are told: four take a few minutes, long enough for a restart. */
const TRIES = 4;

/** Fetches sources of list prices and compares them, and knows what that has cost. */
export interface PriceSyncer {
  sync(job: DeliveryJob): Promise<DeliveryOutcome>;
  /** Milliseconds spent on reading, an upper bound of the CPU's. */
  spent(): number;
}

/** What cannot be read changes nothing; the same text as the last time writes nothing. */
export function priceSyncer({ tables, fetchText, now, today }: {
  readonly tables: PriceTables;
  readonly fetchText: (url: string) => Promise<SourceText>;
  /** Milliseconds since some start. */
  readonly now: () => number;
  readonly today: () => Date;
}): PriceSyncer {
  let spent = 0;
  const timed = <T>(work: () => T): T => {
    const start = now();
    try {
      return work();
    } finally {
      spent += now() - start;
    }
  };
  const read = async (source: PriceSource, url: string): Promise<DeliveryOutcome> => {
    const fetchedAt = today().toISOString();
    const { raw, text } = await fetchText(url);
    const sha256 = timed(() => sha256Of(raw));
    if (await tables.isCompared(source, sha256)) {
      return { kind: "done", details: { sha256, unchanged: true } };
    }
    const models = timed(() => givenModels(readSource(source, text)));
    if (models.length === 0) throw new SourceUnreadable("it has no models");
    const sums = await tables.compare({ source, sha256, fetchedAt, models, raw });
    return { kind: "done", details: { sha256, models: models.length, ...sums } };
  };
  return {
    spent: () => spent,
    sync: async (job) => {
      const { data, error } = payload.safeParse(job.payload);
      if (data === undefined) {
        return { kind: "dead", error: `payload: ${z.prettifyError(error)}` };
      }
      const { source } = data;
      const url = await tables.url(source);
      if (url === null) return { kind: "skipped", error: `${source} is off` };
      try {
        return await read(source, url);
      } catch (error) {
        if (!(error instanceof SourceUnreadable)) throw error;
        const { message } = error;
        if (job.attempts < TRIES) return { kind: "retry", error: message };
        await tables.noteProblem(source, message);
        return { kind: "skipped", error: message };
      }
    },
  };
}
