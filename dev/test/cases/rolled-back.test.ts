import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { transactions } from "./rolled-back.ts";

Deno.test("work whose connection is replaced within its transaction fails", async () => {
  await using database = transactions();
  await using other = transactions();
  const work = database.rolledBack(async (sql) => {
    const [row] = await sql`select pg_backend_pid() as pid`;
    await other.rolledBack((beside) => beside`select pg_terminate_backend(${row?.pid})`);
    // Until the client has seen that it is gone; the next statement opens another connection.
    await setTimeout(1000);
    return "believed";
  });
  await assert.rejects(work, /the connection was lost/);
});
