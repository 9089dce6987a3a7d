import assert from "node:assert/strict";
import { cleanLines, cleanOptional, cleanText, plainMessage } from "./text.ts";

Deno.test("characters that reorder what follows them are gone", () => {
  const reordering = "\u202e\u202d\u202a\u202b\u202c\u2066\u2067\u2068\u2069\u200e\u200f\u061c";
  assert.equal(cleanText(`Acme ${reordering}321 tnuoccA`), "Acme 321 tnuoccA");
});

Deno.test("control characters and line breaks become one space", () => {
  assert.equal(cleanText("a\u0000b\tc\r\nd\u2028e\u0085f\ufeffg"), "a b c d e f g");
});

Deno.test("a message keeps its lines and spaces, and nothing that moves or turns text", () => {
  const message = "Agent \u202eevil\u2069\u200f\u061c has\u001b[2J logged.\r\n\r\n  select 1;";
  assert.equal(plainMessage(message), "Agent evil has [2J logged.\n\n  select 1;");
});

Deno.test("half a surrogate pair becomes the replacement character", () => {
  assert.equal(cleanText("a\ud800b"), "a\ufffdb");
});

Deno.test("letters composed of parts are composed", () => {
  assert.equal(cleanText("Ε\u0301λληνας"), "Έλληνας".normalize("NFC"));
});

Deno.test("joiners that Persian and emoji need stay", () => {
  assert.equal(cleanText("می\u200cخواهم"), "می\u200cخواهم");
});

Deno.test("lines keep their order and empty ends are dropped", () => {
  assert.deepEqual(cleanLines("\n\na\r\n\nb\u2028c\n"), ["a", "", "b", "c"]);
  assert.deepEqual(cleanLines(" \n\t"), []);
});

Deno.test("a text of nothing to see is no text", () => {
  assert.equal(cleanOptional("\u202e \u0000"), null);
  assert.equal(cleanOptional(null), null);
  assert.equal(cleanOptional(" x "), "x");
});
