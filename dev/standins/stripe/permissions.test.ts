import { deepStrictEqual } from "node:assert/strict";
import { STRIPE_PERMISSIONS } from "../../../shared/stripe/permissions.ts";
import { PARAMS } from "./params.ts";
import { refusalOf } from "./permissions.ts";

Deno.test("each request that we make needs a permission, and the list has it", () => {
  const slugs = STRIPE_PERMISSIONS.map(({ slug }) => slug);
  const answers = (granted: readonly string[]) =>
    Object.keys(PARAMS).filter((route) => {
      const [method = "", path = ""] = route.split(" ");
      return refusalOf(method, path, "rk_test_1", granted) === null;
    });
  deepStrictEqual(
    answers([]),
    [],
    "routes whose permission dev/standins/stripe/permissions.ts lacks",
  );
  deepStrictEqual(answers(slugs), Object.keys(PARAMS), "routes that STRIPE_PERMISSIONS opens");
});
