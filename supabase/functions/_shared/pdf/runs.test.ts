import assert from "node:assert/strict";
import { textRuns } from "./runs.ts";

/** The pieces from left to right; each right-to-left word is still in the order it is spoken. */
function visual(text: string, lineLength = 80): string[] {
  return textRuns(text, lineLength).map((run) => run.text).filter((piece) => piece !== " ");
}

Deno.test("text of one direction is left as it is", () => {
  assert.deepEqual(textRuns("Acme Robotics 123", 5), [{
    text: "Acme Robotics 123",
    font: "Latin",
  }]);
});

Deno.test("each script gets its font", () => {
  assert.deepEqual(textRuns("Acme 株式会社", 80), [
    { text: "Acme ", font: "Latin" },
    { text: "株式会社", font: "Japanese" },
  ]);
});

Deno.test("a character that no font draws is seen to be missing", () => {
  assert.deepEqual(visual("김 Kim 👍"), ["□ Kim □"]);
});

Deno.test("words of a Hebrew name stand from right to left, figures among them unchanged", () => {
  assert.deepEqual(visual("רחוב הרצל 7"), ["7", "הרצל", "רחוב"]);
  assert.deepEqual(visual("חברה 1,250.00 שקל"), ["שקל", "1,250.00", "חברה"]);
});

Deno.test("brackets of an Arabic name are mirrored and stay around their word", () => {
  assert.deepEqual(visual("شركة (ذمم)"), ["(", "ذمم", ")", "شركة"]);
});

Deno.test("a Latin name with an Arabic word keeps its own direction", () => {
  assert.deepEqual(visual("Acme شركة الأفق Ltd"), [
    "Acme",
    "الأفق",
    "شركة",
    "Ltd",
  ]);
});

Deno.test("a long right-to-left text is broken in the order it is read", () => {
  assert.deepEqual(visual("אחת שתיים שלוש ארבע", 10), [
    "שתיים",
    "אחת",
    "\n",
    "ארבע",
    "שלוש",
  ]);
});
