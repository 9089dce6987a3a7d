import type { Move } from "./moves.ts";

/** One of those there are, as the move chooses; undefined where there are none. */
export function pick<T>(all: Iterable<T>, { who }: Move): T | undefined {
  const list = [...all];
  return list[who % Math.max(list.length, 1)];
}

/** A part of an amount: whole units, at least one; all of it in one of four moves. */
export function partOf(amount: number, unit: number, { a, b }: Move): number {
  const units = Math.floor(amount / unit);
  return a % 4 === 0 ? units * unit : unit * (1 + b % Math.max(units, 1));
}
