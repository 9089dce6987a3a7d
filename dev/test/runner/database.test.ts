import { deepStrictEqual } from "node:assert/strict";
import { isMeant } from "./database.ts";

Deno.test("an advisor's word is passed over only where it says what is meant", () => {
  const bound = new Set(["billing.as_of"]);
  const left = (name: string, schema: string, object = "thing") =>
    !isMeant({ name, detail: "", metadata: { name: object, schema } }, bound);
  deepStrictEqual([
    left("rls_disabled_in_public", "public"),
    left("rls_enabled_no_policy", "public"),
    left("function_search_path_mutable", "billing"),
    left("function_search_path_mutable", "public", "as_of"),
    left("unindexed_foreign_keys", "billing"),
    left("no_primary_key", "billing"),
    left("security_definer_view", "public"),
    left("auth_users_exposed", "public"),
    left("something new", "billing"),
  ], Array(9).fill(true));
  deepStrictEqual([
    left("unused_index", "public"),
    left("rls_enabled_no_policy", "billing"),
    left("rls_enabled_no_policy", "_billing"),
    left("function_search_path_mutable", "billing", "as_of"),
  ], Array(4).fill(false));
});
