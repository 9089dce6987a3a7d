import type { Row } from "../cases/world.ts";

/** The same usage in another order, in more batches, each call in two rows of the same instant. */
export function rearranged(rows: readonly Row[]): Row[][] {
  const halves = rows.toReversed().flatMap((row) => [half(row, 0), half(row, 1)]);
  const middle = Math.floor(halves.length / 3);
  return [halves.slice(middle), halves.slice(0, middle)];
}

function half(row: Row, which: 0 | 1): Row {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => [column, share(value, which)]),
  );
}

/** Halves of whole numbers that sum to them; text stays, features are halved one by one. */
function share(value: Row[string], which: 0 | 1): Row[string] {
  if (typeof value === "number") {
    const first = Math.trunc(value / 2);
    return which === 0 ? first : value - first;
  }
  if (value !== null && typeof value === "object" && "units" in value) {
    return { units: share(value["units"], which) };
  }
  return value ?? null;
}
