/** Sums by key, each bounded and all of them together too. */
export interface BoundedSums {
  /** Adds where neither bound is passed; else adds nothing and says whose bound it is. */
  take(key: string, amount: number, each: number): "taken" | "caller" | "function";
  give(key: string, amount: number): void;
}

/** Sums of nothing. A key whose sum is zero is forgotten. */
export function boundedSums(all: number): BoundedSums {
  const sums = new Map<string, number>();
  let total = 0;
  return {
    take: (key, amount, each) => {
      const sum = (sums.get(key) ?? 0) + amount;
      if (sum > each) return "caller";
      if (total + amount > all) return "function";
      sums.set(key, sum);
      total += amount;
      return "taken";
    },
    give: (key, amount) => {
      const sum = (sums.get(key) ?? 0) - amount;
      if (sum > 0) sums.set(key, sum);
      else sums.delete(key);
      total -= amount;
    },
  };
}
