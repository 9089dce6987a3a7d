import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { CLIENT, sampleClient, sampleWorld } from "../../shared/rater/world.sample.ts";
import { servedAsExpected, ServiceBook } from "./service.ts";

Deno.test("a client that leaves and comes back is served until the one day and from the other", () => {
  const book = new ServiceBook(["a", "b"]);
  book.leave("a", "2024-03-05");
  strictEqual(book.isServed("a"), false);
  book.comeBack("a", "2024-06-01");
  strictEqual(book.isServed("a"), true);
  deepStrictEqual([...book.expected()], [
    ["a", [
      { starts_on: "2024-01-01", ends_on: "2024-03-05" },
      { starts_on: "2024-06-01", ends_on: "infinity" },
    ]],
    ["b", [{ starts_on: "2024-01-01", ends_on: "infinity" }]],
  ]);
  throws(() => book.leave("c", "2024-03-05"), /c is not a client that leaves/);
});

Deno.test("the rater is told of the days that are known, and of no others", () => {
  const read = { service: [{ starts_on: "2024-01-01", ends_on: "infinity" }] };
  const other = sampleClient({ ...read, id: "another" });
  const world = sampleWorld({ clients: [sampleClient(read), other] });
  const book = new ServiceBook([CLIENT]);
  book.leave(CLIENT, "2024-03-05");
  deepStrictEqual(servedAsExpected(world, book).clients.map(({ service }) => service), [
    [{ starts_on: "2024-01-01", ends_on: "2024-03-05" }],
    read.service,
  ]);
});
