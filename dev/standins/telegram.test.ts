import { deepStrictEqual, match } from "node:assert/strict";
import { parseTelegramHtml } from "./telegram.ts";

const refusal = (text: string) => {
  const answer = parseTelegramHtml(text);
  return answer.ok ? "" : answer.description;
};

Deno.test("markup that Telegram allows is shown without its tags and entities", () => {
  deepStrictEqual(
    parseTelegramHtml('<b>A</b> &lt;a@b.test&gt; &amp; <a href="https://x.test">x</a> &#128512;'),
    { ok: true, shown: "A <a@b.test> & x 😀" },
  );
});

Deno.test("an address in angle brackets, a bare sign and what is never closed are refused", () => {
  match(refusal("550 <ap@acme.test>: unknown"), /^Bad Request: can't parse entities/);
  match(refusal("a < b"), /can't parse entities/);
  match(refusal("Müller & Söhne"), /can't parse entities/);
  match(refusal("<b>bold"), /Can't find end tag "b"/);
  match(refusal("&nbsp;"), /Unsupported entity/);
  match(refusal("x".repeat(4097)), /message is too long/);
});
