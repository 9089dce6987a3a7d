import { inBackground } from "../http/background.ts";

/** A request that was refused: by which function, as what, from where, and by whom where known. */
export interface Refusal {
  readonly function: string;
  readonly code: string;
  readonly address: string | null;
  readonly actor: string | null;
}

/** Takes a refusal; never waits and never throws. */
export type NoteRefusal = (refusal: Refusal) => void;

/** Codes of refusals that the audit log is told of. */
const NOTED = new Set([
  "unauthorized",
  "forbidden",
  "second_factor_required",
  "signature_invalid",
  "rate_limited",
]);

/** Whether a problem of this code is a refused attempt. */
export function isRefusal(code: string | null): code is string {
  return code !== null && NOTED.has(code);
}

/** Different refusals that are held until they are stored; more are counted as one. */
const MOST_HELD = 200;
const FLUSH_MS = 1000;

/** A refusal and how often it came. */
export type CountedRefusal = Refusal & { readonly attempts: number };

/**
 * Counts refusals and stores the counts once a second at most: a flood is one statement a second,
 * however many requests it has. A count that cannot be stored is reported and given up.
 */
export function refusalLog(
  { store, reportError, wait = later }: {
    readonly store: (refusals: readonly CountedRefusal[]) => Promise<unknown>;
    readonly reportError: (error: unknown) => void;
    readonly wait?: (ms: number) => Promise<void>;
  },
): NoteRefusal {
  const held = new Map<string, { refusal: Refusal; attempts: number }>();
  let flushing: Promise<void> | null = null;
  const flush = async () => {
    await wait(FLUSH_MS);
    const counted = [...held.values()].map(({ refusal, attempts }) => ({ ...refusal, attempts }));
    held.clear();
    flushing = null;
    await store(counted);
  };
  return (given) => {
    const isNew = !held.has(JSON.stringify(given));
    const refusal = isNew && held.size >= MOST_HELD
      ? { ...given, address: null, actor: null }
      : given;
    const key = JSON.stringify(refusal);
    held.set(key, { refusal, attempts: (held.get(key)?.attempts ?? 0) + 1 });
    if (flushing !== null) return;
    flushing = flush().catch(reportError);
    inBackground(flushing);
  };
}

function later(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
