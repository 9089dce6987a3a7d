import { LOCK_FILES, type LockedPackage, lockedPackages, readLockFile } from "./lock-file.ts";
import { table } from "./markdown-table.ts";

/** Licences that a package may have, each with what it asks of those who pass the package on. */
export const ALLOWED: Readonly<Record<string, string>> = {
  "MIT": "keep the notice",
  "MIT-0": "nothing",
  "ISC": "keep the notice",
  "BSD-2-Clause": "keep the notice",
  "BSD-3-Clause": "keep the notice, do not advertise with the authors' names",
  "0BSD": "nothing",
  "Apache-2.0": "keep the notice, say what was changed",
  "BlueOak-1.0.0": "keep the licence or a link to it",
  "Unlicense": "nothing: public domain",
  "(MIT AND Zlib)": "keep both notices; changed sources say so",
  "Python-2.0": "keep the notice; read by a tool that makes fonts, not passed on",
  "MPL-2.0": "publish changes to its own files; a tool of tests, not passed on",
  "MIT AND OFL-1.1": "fonts: keep the notice, do not sell them alone, rename a changed one",
};

/** Packages whose manifest names no licence, and what their LICENSE file says. */
export const READ_BY_HAND: Readonly<Record<string, string>> = { "png-js": "MIT" };

/** The licence of a package, or null where neither its manifest nor we name one. */
export function licenceOf({ name, license }: LockedPackage): string | null {
  return license ?? new Map(Object.entries(READ_BY_HAND)).get(name) ?? null;
}

/** The text of docs/licences.md, from the lock files alone: the same on every machine. */
export async function licencesPage(): Promise<string> {
  const [installed, vendored] = await Promise.all(LOCK_FILES.map(readLockFile));
  return page(lockedPackages(installed ?? ""), lockedPackages(vendored ?? ""));
}

function page(installed: readonly LockedPackage[], vendored: readonly LockedPackage[]): string {
  const product = installed.filter(({ dev }) => !dev);
  const tools = installed.filter(({ dev }) => dev);
  const used = new Set([...installed, ...vendored].map(licenceOf));
  const allowed = Object.entries(ALLOWED).filter(([licence]) => used.has(licence));
  const byHand = Object.entries(READ_BY_HAND).map(([name, licence]) =>
    `\`${name}\` names none in its manifest; its LICENSE file says ${licence}.`
  );
  return `# Licences of packages

Written by \`npm run licences\` from the two lock files; \`npm run check\` fails where it is not what
they say, and where a package has a licence that is not among these. All of them let the packages be
used, changed and passed on, also in what is sold, and ask no one to publish their own code.
${byHand.join(" ")}

${table(["licence", "asks for"], allowed.map(([licence, asks]) => [licence, asks]))}

## In functions and the console

Packages of the edge functions and the console, with the packages that those need. The fonts and the
PDF code that are part of this repository have their licences in
\`supabase/functions/_shared/pdf/LICENSES.md\`.

${packages(product)}

## Development tools

Not deployed: the local platform, tests, types and command lines.

${packages(tools)}

## Making the PDF code and fonts

In \`dev/tools/vendor\`; not needed to run or test anything.

${packages(vendored)}
`;
}

function packages(list: readonly LockedPackage[]): string {
  const rows = new Map(
    list.map((one) => [`${one.name} ${one.version}`, [
      `\`${one.name}\``,
      one.version,
      licenceOf(one) ?? "not known",
    ]]),
  );
  const sorted = [...rows].sort(([one], [other]) => one < other ? -1 : 1).map(([, row]) => row);
  return table(["package", "version", "licence"], sorted);
}
