import { deepStrictEqual } from "node:assert/strict";
import { ROUTES } from "../../../shared/api/routes.ts";
import { billingEndpoints } from "./endpoints.ts";

Deno.test("each route under /billing has its work, once, and all work its route", () => {
  const endpoints = billingEndpoints(() => Promise.reject(new Error("no Storage")), {
    stripe: undefined,
    returnOrigins: [],
  });
  deepStrictEqual(
    endpoints.map(({ route }) => route.id).sort(),
    ROUTES.filter(({ path }) => path.startsWith("/billing/")).map(({ id }) => id).sort(),
  );
});
