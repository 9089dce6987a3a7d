import assert from "node:assert/strict";
import { movementsOf } from "./journal-layouts.ts";

const entry = {
  at: "2026-07-31T10:00:00Z",
  posted_at: "2026-07-31T10:00:00Z",
  transaction_id: "1",
  day: "2026-07-31",
  kind: "refund",
  number: "INV-1",
  client: "Acme",
  client_id: "",
  processor: "",
  currency: "USD",
  taxes: null,
  exponent: 2 as const,
};

Deno.test("entries of nothing are no lines of a file, and a movement of them alone is none", () => {
  const entries = [
    { ...entry, account: "cash", debit_minor: 0, credit_minor: 500 },
    { ...entry, account: "refunds_due", debit_minor: 500, credit_minor: 0 },
    { ...entry, account: "advances", debit_minor: 0, credit_minor: 0 },
    { ...entry, transaction_id: "2", account: "advances", debit_minor: 0, credit_minor: 0 },
  ];
  assert.deepEqual(
    movementsOf(entries).map((
      { id, entries },
    ) => [id, entries.map(({ account, minor }) => `${account} ${minor}`)]),
    [["1", ["cash -500", "refunds_due 500"]]],
  );
});
