/**
 * Makes supabase/functions/_shared/pdf/vendor.js: pdfmake with pdfkit and fontkit, and bidi-js, as
 * one module. The packages themselves are 29 MB, more than an edge function may weigh.
 *
 * What is left out is never reached: standard fonts, PNG and SVG images, WOFF2, the file system.
 * Deflate comes from fflate: the runtime's zlib promises no particular output from one version to the
 * next, and the same invoice must be the same bytes everywhere.
 */
import { readFile, writeFile } from "node:fs/promises";
import { build } from "esbuild";

const target = new URL(
  "../../../supabase/functions/_shared/pdf/",
  import.meta.url,
);

const replacements = {
  stream: `export { default, Readable } from "node:stream"`,
  events: `export { default, EventEmitter } from "node:events"`,
  zlib: `import { zlibSync } from "fflate";
    import { Buffer } from "node:buffer";
    const deflateSync = (bytes) => Buffer.from(zlibSync(bytes, { level: 6 }));
    export { deflateSync };
    export default { deflateSync };`,
  // Reading a font's tables costs more than setting an invoice, and shaping its words a third of it:
  // fonts are parsed once per process, and words shaped once while they are kept. A glyph is kept
  // with the characters that it was first asked for, with none where it was a part of another (e of
  // é): it gets those of each text, else a file would depend on what was printed before it, and
  // letters of it could not be copied. A word that is kept gives them again, in the same order.
  fontkit: `import { create as parse } from "./node_modules/fontkit/dist/module.mjs";
    const MOST_WORDS = 5000;
    const fonts = new WeakMap();
    export function create(bytes) {
      if (!fonts.has(bytes)) fonts.set(bytes, withWords(parse(bytes)));
      return fonts.get(bytes);
    }
    function withWords(font) {
      const getGlyph = font.getGlyph.bind(font);
      let asked = [];
      font.getGlyph = (id, characters = []) => {
        const glyph = getGlyph(id, characters);
        if (characters.length > 0) {
          glyph.codePoints = characters;
          asked.push([glyph, characters]);
        }
        return glyph;
      };
      const words = new Map();
      font.keep = (text, features, shape) => {
        const key = features ? JSON.stringify(features) + text : text;
        const known = words.get(key);
        if (known !== undefined) {
          for (const [glyph, characters] of known.asked) glyph.codePoints = characters;
          return known.run;
        }
        asked = [];
        const word = { run: shape(), asked };
        if (words.size >= MOST_WORDS) words.clear();
        words.set(key, word);
        return word.run;
      };
      return font;
    }`,
  fs: `export default {}`,
  "js-md5": `import { createHash } from "node:crypto";
    const md5 = (text) => createHash("md5").update(text).digest("hex");
    md5.arrayBuffer = (bytes) => Uint8Array.from(createHash("md5").update(bytes).digest()).buffer;
    export default md5;`,
  "png-js": `export default class {}`,
  xmldoc: `export const XmlDocument = class {}`,
  "brotli/decompress.js": `export default () => { throw new Error("WOFF2 is left out"); }`,
  "svg-to-pdfkit": `export default () => { throw new Error("SVG is left out"); }`,
};

/**
 * What pdfkit does otherwise here. Words are kept with their font, not with each document. Text of a
 * page is joined before it is made bytes of: an invoice writes thousands of short ones.
 */
const edits = [[
  `  layoutRun(text, features) {
    const run = this.font.layout(text, features);`,
  `  layoutRun(text, features) {
    return this.font.keep(text, features, () => this.shapeRun(text, features));
  }
  shapeRun(text, features) {
    const run = this.font.layout(text, features);`,
], [
  `      chunk = Buffer.from(chunk + '\\n', 'binary');
    }
    this.uncompressedLength`,
  `      chunk = chunk + '\\n';
    }
    this.uncompressedLength`,
], [
  `    this.buffer.push(chunk);
    this.data.Length`,
  `    const last = this.buffer.length - 1;
    if (typeof chunk === 'string' && typeof this.buffer[last] === 'string') {
      this.buffer[last] += chunk;
    } else this.buffer.push(chunk);
    this.data.Length`,
], [
  `      this.buffer = Buffer.concat(this.buffer);
      if (this.compress)`,
  `      this.buffer = Buffer.concat(this.buffer.map((chunk) =>
        typeof chunk === 'string' ? Buffer.from(chunk, 'binary') : chunk));
      if (this.compress)`,
]];

const editPdfkit = {
  name: "edit-pdfkit",
  setup(bundle) {
    bundle.onLoad({ filter: /pdfkit\.es\.js$/ }, async ({ path }) => {
      let contents = await readFile(path, "utf8");
      for (const [from, to] of edits) {
        if (contents.split(from).length !== 2) throw new Error(`pdfkit has changed: ${from}`);
        contents = contents.replace(from, () => to);
      }
      return { contents, loader: "js" };
    });
  },
};

const leaveOut = {
  name: "leave-out",
  setup(bundle) {
    const filter = /^(stream|events|zlib|fontkit|fs|png-js|xmldoc|js-md5|brotli\/decompress\.js)$/;
    bundle.onResolve(
      { filter },
      ({ path }) => ({ path, namespace: "replacement" }),
    );
    bundle.onResolve(
      { filter: /svg-to-pdfkit/ },
      () => ({ path: "svg-to-pdfkit", namespace: "replacement" }),
    );
    bundle.onLoad({ filter: /.*/, namespace: "replacement" }, ({ path }) => ({
      contents: replacements[path],
      resolveDir: import.meta.dirname,
    }));
  },
};

const { outputFiles, metafile } = await build({
  entryPoints: ["pdf-entry.js"],
  absWorkingDir: import.meta.dirname,
  bundle: true,
  write: false,
  metafile: true,
  format: "esm",
  platform: "neutral",
  mainFields: ["module", "main"],
  target: "es2022",
  external: ["node:*"],
  minify: true,
  legalComments: "none",
  define: { __dirname: '""', global: "globalThis" },
  inject: ["buffer-inject.js"],
  alias: { pdfkit: "./node_modules/pdfkit/js/pdfkit.es.js" },
  plugins: [leaveOut, editPdfkit],
});

const header = `// deno-fmt-ignore-file
// deno-lint-ignore-file
// @ts-self-types="./vendor.d.ts"
// Generated by dev/tools/vendor/bundle.mjs; licences of the parts: LICENSES.md.
`;
await writeFile(new URL("vendor.js", target), header + outputFiles[0].text);
const parts = [
  ...new Set(
    Object.keys(metafile.inputs).map((path) =>
      path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1]
    ),
  ),
].filter(Boolean).sort();
console.log(
  `vendor.js ${outputFiles[0].text.length} bytes: ${parts.join(", ")}`,
);
