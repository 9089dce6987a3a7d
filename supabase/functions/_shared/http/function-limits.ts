import { problem } from "../../../../shared/errors.ts";
import { type BoundedSums, boundedSums } from "./bounded-sums.ts";
import {
  ADDRESSES_AT_ONCE,
  BYTES_EACH,
  CALLER_LIMITS,
  type CallerClass,
  type CallerLimits,
  CAPACITY,
  HELD_BYTES,
  HELD_BYTES_EACH,
  PREFLIGHTS_PER_ANSWER,
  RECEIVING,
} from "./caller-limits.ts";
import { clientAddress } from "./client-address.ts";
import { type After, afterwards, concurrencyLimit } from "./concurrency-limit.ts";
import { type KeyedBuckets, keyedBuckets } from "./keyed-buckets.ts";
import { ProblemError } from "./problem.ts";
import type { RequestLimits } from "./request-limits.ts";
import { tokenBucket } from "./token-bucket.ts";

/** What the requests of one function share: its capacity and what each caller has used of it. */
export interface FunctionLimits {
  begin(request: Request): RequestLimits;
  readonly after: After;
}

type Classes = Readonly<Record<CallerClass | "address", CallerLimits>>;

/** Limits of which nothing is used. `now` is in milliseconds since some start. */
export function functionLimits(
  { now, classes = CALLER_LIMITS, capacity = CAPACITY, after = afterwards }: {
    readonly now: () => number;
    readonly classes?: Classes;
    readonly capacity?: typeof CAPACITY;
    readonly after?: After;
  },
): FunctionLimits {
  const shared: Shared = {
    classes,
    answers: addressBudget(classes.address.perMinute ?? 1, now),
    preflights: addressBudget((classes.address.perMinute ?? 1) * PREFLIGHTS_PER_ANSWER, now),
    requests: requestBuckets(classes, now),
    capacity: concurrencyLimit({ ...capacity, after }),
    receiving: boundedSums(RECEIVING),
    held: boundedSums(HELD_BYTES),
  };
  return { begin: (request) => requestLimits(request, shared), after };
}

interface Shared {
  readonly classes: Classes;
  readonly answers: Budget;
  readonly preflights: Budget;
  /** Of the classes that have a limit per minute. */
  readonly requests: ReadonlyMap<CallerClass, KeyedBuckets>;
  readonly capacity: ReturnType<typeof concurrencyLimit>;
  readonly receiving: BoundedSums;
  readonly held: BoundedSums;
}

/** Answers to callers that are not known: by address, and for all addresses together. */
interface Budget {
  isEmpty(address: string): boolean;
  take(address: string): boolean;
  secondsToNext(address: string): number;
}

function addressBudget(perMinute: number, now: () => number): Budget {
  const byAddress = keyedBuckets({ perMinute, now });
  const size = perMinute * ADDRESSES_AT_ONCE;
  const all = tokenBucket({ size, secondsEach: 60 / size, now });
  return {
    isEmpty: (address) => byAddress(address).isEmpty() || all.isEmpty(),
    take: (address) => byAddress(address).take() && all.take(),
    secondsToNext: (address) => Math.max(byAddress(address).secondsToNext(), all.secondsToNext()),
  };
}

function requestBuckets(
  { address: _, ...classes }: Classes,
  now: () => number,
): ReadonlyMap<CallerClass, KeyedBuckets> {
  const names = ["member", "operator", "agent", "service", "cron", "stripe"] as const;
  return new Map(names.flatMap((name) => {
    const { perMinute } = classes[name];
    return perMinute === null ? [] : [[name, keyedBuckets({ perMinute, now })] as const];
  }));
}

function requestLimits(request: Request, shared: Shared): RequestLimits {
  const address = clientAddress(request.headers) ?? "unknown";
  let caller = { key: `address:${address}`, limits: shared.classes.address };
  let known = false;
  let retryAfter: number | null = null;
  let held: { readonly key: string; readonly bytes: number }[] = [];
  let release: (() => void) | null = null;
  const budget = request.method === "OPTIONS" ? shared.preflights : shared.answers;
  const refuse = (whose: "caller" | "function", seconds: number): never => {
    retryAfter = seconds;
    // Where nothing bounds a class but the capacity, the capacity is what it has used up.
    const slowDown = whose === "caller" && caller.limits.perMinute !== null;
    throw new ProblemError(problem(slowDown ? "rate_limited" : "overloaded"));
  };
  const heldBytes = () => held.reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    isKnown: () => known,
    retryAfter: () => retryAfter,
    retryIn: (seconds) => {
      retryAfter = seconds;
    },
    isExhausted: () => {
      if (!budget.isEmpty(address)) return false;
      retryAfter = budget.secondsToNext(address);
      return true;
    },
    countAnswer: () => {
      if (known || budget.take(address)) return true;
      retryAfter = budget.secondsToNext(address);
      return false;
    },
    identify: ({ class: of, name }) => {
      known = true;
      caller = { key: `${of}:${name}`, limits: shared.classes[of] };
      const bucket = shared.requests.get(of)?.(name);
      if (bucket !== undefined && !bucket.take()) refuse("caller", bucket.secondsToNext());
    },
    startReceiving: () => {
      const { key, limits } = caller;
      const taken = shared.receiving.take(key, 1, limits.receiving);
      if (taken !== "taken") return refuse(taken, RETRY_SECONDS);
      return () => shared.receiving.give(key, 1);
    },
    hold: (bytes) => {
      const taken = shared.held.take(caller.key, bytes, HELD_BYTES_EACH);
      if (taken !== "taken") return refuse(taken, RETRY_SECONDS);
      held.push({ key: caller.key, bytes });
    },
    start: async () => {
      if (release !== null) return;
      const { key, limits: { atOnce, waiting } } = caller;
      const size = 1 + Math.floor(heldBytes() / BYTES_EACH);
      const acquired = await shared.capacity.acquire(size, { key, atOnce, waiting });
      if ("refused" in acquired) return refuse(acquired.refused, RETRY_SECONDS);
      release = acquired.release;
    },
    end: () => {
      release?.();
      for (const { key, bytes } of held) shared.held.give(key, bytes);
      held = [];
    },
  };
}

/** Seconds after which a rejected request may be sent again. */
const RETRY_SECONDS = 2;
