import type { Row } from "../cases/world.ts";

/** The same usage in another order, in more batches, each call in two rows of the same instant. */
export function rearranged(rows: readonly Row[]): Row[][] {
  const isCall = (row: Row) => !("takes_back" in row);
  const halves = rows.filter(isCall).toReversed().flatMap((row) => [half(row, 0), half(row, 1)]);
  const middle = Math.floor(halves.length / 3);
  // What takes a call back is stored once all of the call is.
  const takenBack = rows.filter((row) => !isCall(row));
  return [halves.slice(middle), [...halves.slice(0, middle), ...takenBack]];
}

function half(row: Row, which: 0 | 1): Row {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => [column, share(value, which)]),
  );
}

/** Halves of whole numbers that sum to them, also of features and counts in metadata; text stays. */
function share(value: Row[string], which: 0 | 1): Row[string] {
  if (typeof value === "number") {
    const first = Math.trunc(value / 2);
    return which === 0 ? first : value - first;
  }
  if (value !== null && typeof value === "object" && !Array.isArray(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, part]) => [key, share(part, which)]),
    );
  }
  return value ?? null;
}
