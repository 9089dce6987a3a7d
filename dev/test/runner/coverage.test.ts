import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { repositoryRoot } from "../../platform/repository.ts";
import { coverageOf, uncounted } from "./coverage.ts";

const record = (file: string, found: number, hit: number) =>
  `SF:${join(repositoryRoot, file)}\nDA:1,1\nLH:${hit}\nLF:${found}\nend_of_record\n`;

Deno.test("lines that have run are shares of all that can, folder by folder", () => {
  const lcov = record("shared/a.ts", 30, 30) + record("cli/b.ts", 10, 6) +
    record("dev/test/c.ts", 99, 0);
  const sources = ["shared/a.ts", "cli/b.ts"].map((file) => ({ file, text: "1;\n" }));
  deepStrictEqual(coverageOf(lcov, sources), {
    lines: [
      "100.0 %  shared",
      " 60.0 %  cli",
      "   60.0 %  cli/b.ts (4 not run)",
      " 90.0 %  all",
    ],
    percent: 90,
  });
});

Deno.test("a file that nothing loads counts with each line of its code, types with none", () => {
  const text = `
    // A comment.
    /** And
     * another. */
    export interface Gone {
      no: string;
    }
    export const code = 1;
    export function more(): number {
      return code; // with a comment
    }
  `;
  strictEqual(
    coverageOf("", [{ file: "dev/x.ts", text }]).lines[1],
    "    0.0 %  dev/x.ts (4 not run)",
  );
  strictEqual(coverageOf("", [{ file: "dev/t.ts", text: "export type A = 1;\n" }]).percent, 100);
});

Deno.test("tests, data and declarations are not counted", () => {
  const files = [
    "shared/money.test.ts",
    "dev/test/support/platform-env.ts",
    "shared/database.types.ts",
    "shared/document/samples.ts",
    "supabase/functions/_shared/pdf/fonts/latin-bold.ts",
    "supabase/functions/_shared/pdf/vendor.d.ts",
  ];
  deepStrictEqual(files.filter((file) => !uncounted(file)), []);
  strictEqual(uncounted("supabase/functions/_shared/pdf/fonts.ts"), false);
});
