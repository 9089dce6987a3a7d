import { createHash } from "node:crypto";
import { sha256Of } from "../../../shared/sha256.ts";

/** Numbers that look random and are the same on every machine; whole numbers only. */
export interface Random {
  /** 0 … limit − 1. */
  below(limit: number): number;
  /** from … to, both possible. */
  between(from: number, to: number): number;
  pick<T>(list: readonly [T, ...T[]]): T;
  /** True in `percent` of 100 calls. */
  chance(percent: number): boolean;
}

/** xorshift128 (Marsaglia 2003), seeded by the digest of a name. */
export function seededRandom(seed: string): Random {
  const digest = createHash("sha256").update(seed).digest();
  const state = Uint32Array.from([0, 4, 8, 12], (offset) => digest.readUInt32LE(offset));
  const next = (): number => {
    const [x = 1, y = 0, z = 0, w = 0] = state;
    const mixed = x ^ (x << 11);
    state.set([y, z, w, w ^ (w >>> 19) ^ mixed ^ (mixed >>> 8)]);
    return state[3] ?? 0;
  };
  const below = (limit: number) => next() % limit;
  return {
    below,
    between: (from, to) => from + below(to - from + 1),
    pick: (list) => list[below(list.length)] ?? list[0],
    chance: (percent) => below(100) < percent,
  };
}

/** The uuid of a name, the same everywhere. */
export function uuidOf(name: string): string {
  const hex = sha256Of(name);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `9${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join("-");
}

/** Whole numbers ≥ 0 that look random and sum to `total`. */
export function splitExactly(total: number, parts: number, random: Random): number[] {
  const weights = Array.from({ length: parts }, () => random.between(50, 950));
  const weightSum = weights.reduce((sum, weight) => sum + weight, 0);
  const shares = weights.map((weight) => Math.floor(total * weight / weightSum));
  let rest = total - shares.reduce((sum, share) => sum + share, 0);
  while (rest > 0) {
    const index = random.below(parts);
    shares[index] = (shares[index] ?? 0) + 1;
    rest -= 1;
  }
  return shares;
}
