import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { hermesNotifier } from "./hermes.ts";
import { cutText, MESSAGE_CHARACTERS, TELEGRAM_CHARACTERS } from "./cut-text.ts";

Deno.test("a text is cut at its bound, with an ellipsis and no half of a character", () => {
  strictEqual(cutText("abc", 3), "abc");
  strictEqual(cutText("abcd", 3), "ab…");
  strictEqual(cutText("a👩‍👩‍👧b", 5), "a…");
  strictEqual(cutText("x".repeat(1_000_000), MESSAGE_CHARACTERS).length, MESSAGE_CHARACTERS);
});

Deno.test("a message of any size goes to HERMES within the bound of its channel", async () => {
  const sizes: number[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      sizes.push((await request.json()).message.length);
      return Response.json({ notification_id: "1", status: "delivered" });
    },
  );
  try {
    const url = `http://127.0.0.1:${server.addr.port}`;
    for (const channel of ["telegram", "slack"]) {
      const notify = hermesNotifier({ url, channel });
      await notify({ message: "x".repeat(500_000), priority: "low", key: "k" });
    }
    deepStrictEqual(sizes, [TELEGRAM_CHARACTERS, MESSAGE_CHARACTERS]);
  } finally {
    await server.shutdown();
  }
});
