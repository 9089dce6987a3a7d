/** A budget: so many at once, one more every so many seconds. */
export interface TokenBucket {
  /** Takes one; false when there is none left. */
  take(): boolean;
  /** Whether there is none left. Takes nothing. */
  isEmpty(): boolean;
  /** Whole seconds, at least one, until there is one again. */
  secondsToNext(): number;
}

/**
 * A bucket of `size`, full at first, that gets one back every `secondsEach`. `now` is in
 * milliseconds since some start. Its memory is two numbers, however often it is asked.
 */
export function tokenBucket(
  { size, secondsEach, now }: {
    readonly size: number;
    readonly secondsEach: number;
    readonly now: () => number;
  },
): TokenBucket {
  let left = size;
  let counted = now();
  const refill = () => {
    const at = now();
    left = Math.min(size, left + Math.max(at - counted, 0) / 1000 / secondsEach);
    counted = at;
  };
  return {
    take: () => {
      refill();
      if (left < 1) return false;
      left -= 1;
      return true;
    },
    isEmpty: () => {
      refill();
      return left < 1;
    },
    secondsToNext: () => {
      refill();
      return Math.max(1, Math.ceil((1 - left) * secondsEach));
    },
  };
}
