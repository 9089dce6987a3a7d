import { type TokenBucket, tokenBucket } from "./token-bucket.ts";

/** A bucket for each key; its memory is bounded. */
export type KeyedBuckets = (key: string) => TokenBucket;

/** Keys that are remembered at once. */
const KEYS = 10_000;

/**
 * Buckets that hold `perMinute` and get as many back each minute. Beyond `keys` of them the one that
 * was used longest ago is forgotten.
 */
export function keyedBuckets(
  { perMinute, now, keys = KEYS }: {
    readonly perMinute: number;
    readonly now: () => number;
    readonly keys?: number;
  },
): KeyedBuckets {
  const buckets = new Map<string, TokenBucket>();
  return (key) => {
    const bucket = buckets.get(key) ??
      tokenBucket({ size: perMinute, secondsEach: 60 / perMinute, now });
    // Used last, so it is forgotten last.
    buckets.delete(key);
    buckets.set(key, bucket);
    for (const oldest of buckets.keys()) {
      if (buckets.size > keys) buckets.delete(oldest);
      else break;
    }
    return bucket;
  };
}
