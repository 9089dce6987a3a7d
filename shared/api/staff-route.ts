import { nothing } from "./fields.ts";
import { STAFF } from "./route.ts";

/** What routes of the staff have in common; a route names what it takes, and else where it differs. */
export const staffRoute = {
  params: nothing,
  query: nothing,
  body: nothing,
  access: STAFF,
  status: 200,
} as const;
