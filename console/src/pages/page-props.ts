import type { Location } from "../routing/location.ts";

/** What a page is given: where it is, of which all that it shows follows. */
export interface PageProps {
  readonly location: Location;
}
