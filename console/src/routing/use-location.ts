import { useEffect, useState } from "preact/hooks";
import { hrefOf, type Location, parseHash } from "./location.ts";

/** The present location; the component is drawn again when it changes. */
export function useLocation(): Location {
  const [hash, setHash] = useState(globalThis.location.hash);
  useEffect(() => {
    const listen = () => setHash(globalThis.location.hash);
    globalThis.addEventListener("hashchange", listen);
    return () => globalThis.removeEventListener("hashchange", listen);
  }, []);
  return parseHash(hash);
}

/** Goes to the same page with other values of its query, as a link would. */
export function changeQuery(
  { path, query }: Location,
  change: Readonly<Record<string, string | undefined>>,
): void {
  globalThis.location.hash = hrefOf(path, { ...query, ...change });
}
