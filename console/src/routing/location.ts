/**
 * Where a user is: the hash of the page's address, `#/invoices?status=open`. All that a page shows
 * follows from it, so a link, a reload and the back button show the same. A hash needs no rule of
 * the static host, and no host sees which invoice is read.
 */
export interface Location {
  /** `["invoices", "INV-2026-000001"]`; empty at the start page. */
  readonly path: readonly string[];
  readonly query: Query;
}

/** Values of the query; one that is absent or empty is not there. */
export type Query = Readonly<Record<string, string>>;

/** The location that a hash names. Text that cannot be decoded is taken as it is. */
export function parseHash(hash: string): Location {
  const [path = "", query = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
  return {
    path: path.split("/").filter((part) => part !== "").map(decode),
    query: Object.fromEntries([...new URLSearchParams(query)].filter(([, value]) => value !== "")),
  };
}

/** The address of a location, to link to. */
export function hrefOf(
  path: readonly string[],
  query: Readonly<Record<string, string | undefined>> = {},
): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== "") search.set(name, value);
  }
  const address = `#/${path.map(encodeURIComponent).join("/")}`;
  return search.size === 0 ? address : `${address}?${search}`;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
