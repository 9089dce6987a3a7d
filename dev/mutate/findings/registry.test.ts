import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { basename, join } from "node:path";
import { repositoryRoot } from "../../platform/repository.ts";
import { FAULTS as DANCED } from "../../test/stripe-dance/faults.ts";
import { FAULTS as LIVED } from "../../test/worlds/faults.ts";
import { FAULTS as TORTURED } from "../../torture/faults.ts";
import { changedBy } from "./copy.ts";
import { FINDINGS, NOT_PLANTED, PLANTED_ELSEWHERE } from "./elsewhere.ts";
import { idsOf, parseTest, planted } from "./planted.ts";
import { PLANTED } from "./registry.ts";
import { ended, fileOf, isRed } from "./tests.ts";

const PAGES = ["0020-settling", "0028-stripe-money", "0063-signed-calls"];

Deno.test("each finding of the review is planted again, or a line says why it is not", () => {
  const covered = [...PLANTED.flatMap(idsOf), ...Object.keys(NOT_PLANTED)];
  deepStrictEqual(new Set(covered), new Set(FINDINGS));
  deepStrictEqual(Object.keys(NOT_PLANTED).filter((id) => PLANTED.flatMap(idsOf).includes(id)), []);
});

Deno.test("each phrase that is to be replaced stands in its file once", async () => {
  const missing: string[] = [];
  for (const { finding, edits } of PLANTED) {
    await changedBy(edits).catch((error) => missing.push(`${finding}: ${error.message}`));
  }
  deepStrictEqual(missing, []);
});

Deno.test("the tests of findings are there under their names", async () => {
  const missing: string[] = [];
  for (const { test } of PLANTED) {
    const { words, ...named } = parseTest(test);
    const text = await Deno.readTextFile(
      join(repositoryRoot, await fileOf({ ...named, words })),
    );
    const said = text.replaceAll("''", "'").replaceAll(/'\s*\n\s*'/g, "").replaceAll(/\s+/g, " ");
    if (!said.includes(words)) missing.push(test);
  }
  deepStrictEqual(missing, []);
});

Deno.test("the tables of findings name the tests that go red", async () => {
  const named = new Map<string, string[]>();
  for (const page of PAGES) {
    const text = await Deno.readTextFile(join(repositoryRoot, "docs", "adr", `${page}.md`));
    for (const [, first = "", last = ""] of text.matchAll(/^\| (.+?) +\| (.+) \|$/gm)) {
      const files = [...last.matchAll(/`([^`]+)`/g)].map(([, file = ""]) => basename(file));
      for (const id of idsIn(first)) named.set(id, [...named.get(id) ?? [], ...files]);
    }
  }
  const missing = PLANTED.flatMap((one) => {
    const file = basename(parseTest(one.test).file);
    return idsOf(one).filter((id) => !named.get(id)?.includes(file)).map((id) => `${id}: ${file}`);
  });
  deepStrictEqual(missing, []);
});

Deno.test("mistakes that torture, worlds and dances plant are there", () => {
  const { torture, worlds, dance } = PLANTED_ELSEWHERE;
  for (const name of Object.values(torture)) {
    ok(TORTURED.some((fault) => fault.name === name), name);
  }
  for (const name of Object.values(worlds)) ok(name in LIVED, name);
  for (const name of Object.values(dance)) ok(DANCED.some((fault) => fault.name === name), name);
});

Deno.test("a phrase that is not there, or twice, cannot be planted", () => {
  strictEqual(planted("a b", ["f", "b", "$&c"]), "a $&c");
  throws(() => planted("a b", ["f", "c", ""]), /f says 0 times: c/);
  throws(() => planted("b b", ["f", "b", ""]), /f says 2 times: b/);
});

Deno.test("a test that prints, or takes a while, is seen to fail; a run of no test is an error", () => {
  const test = parseTest("unit x: outer one");
  const output = [
    "outer one ...'outer one' has been running for over (1m0s)",
    "'outer one' has been running for over (2m0s)",
    " FAILED (2m22s)",
    "other ... FAILED (1ms)",
    "",
    "outer one => ./x.test.ts:1:6",
  ].join("\n");
  ok(isRed(test, ended(output)));
  const isCutOff = output.slice(0, output.indexOf("other ..."));
  ok(isRed(test, ended(isCutOff, true)));
  ok(!isRed(test, ended("outer two ... FAILED (1ms)\nok | 0 passed | 1 failed")));
  throws(() => ended("ok | 0 passed | 0 failed | 20 filtered out"), /no test ran/);
});

/** `C8–C10, C24` and `X7, C14 unreadable usage`: the ids that a row of a table begins with. */
function idsIn(cell: string): string[] {
  return cell.split(/, /).flatMap((part) => {
    const [, letter = "", from, until] = /^([CMGSX])(\d+)(?:–[CMGSX](\d+))?\b/.exec(part) ?? [];
    const first = Number(from ?? 1);
    const count = from === undefined ? 0 : Number(until ?? first) - first + 1;
    return Array.from({ length: count }, (_, index) => `${letter}${first + index}`);
  });
}
