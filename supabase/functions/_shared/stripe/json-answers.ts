/** The column `json` of the one row that a statement gives; null where there is none. */
export async function jsonOf(
  rows: PromiseLike<readonly Record<string, unknown>[]>,
): Promise<unknown> {
  return (await rows)[0]?.json ?? null;
}

/** JSON as a parameter, to be cast in the statement. */
export function text(value: unknown): string {
  return JSON.stringify(value);
}
