import { Buffer } from "node:buffer";
import { brotliDecompressSync } from "node:zlib";
import type { PdfFont } from "./vendor.js";

/** A set of letters with a font of its own. */
export type Script = "Latin" | "Arabic" | "Hebrew" | "Japanese";

const loaded = new Map<Script, Promise<PdfFont>>();

/**
 * The fonts of the given scripts, unpacked once per process. Latin (with Greek and Cyrillic) is
 * always there; the others, and above all the 1.6 MB of Japanese, are loaded when first needed.
 */
export async function loadFonts(
  scripts: Iterable<Script>,
): Promise<Record<string, PdfFont>> {
  const wanted = [...new Set<Script>(["Latin", ...scripts])].sort();
  const fonts = await Promise.all(wanted.map((script) => {
    const font = loaded.get(script) ?? LOADERS[script]();
    loaded.set(script, font);
    return font;
  }));
  return Object.fromEntries(fonts.map((font, index) => [wanted[index], font]));
}

// The specifiers are literal: bundlers of edge functions find modules by reading the source.
const LOADERS: Readonly<Record<Script, () => Promise<PdfFont>>> = {
  Latin: async () =>
    pair(
      await import("./fonts/latin-regular.ts"),
      await import("./fonts/latin-bold.ts"),
    ),
  Arabic: async () =>
    pair(
      await import("./fonts/arabic-regular.ts"),
      await import("./fonts/arabic-bold.ts"),
    ),
  Hebrew: async () =>
    pair(
      await import("./fonts/hebrew-regular.ts"),
      await import("./fonts/hebrew-bold.ts"),
    ),
  Japanese: async () => {
    const normal = unpack(await import("./fonts/japanese.ts"));
    return { normal, bold: normal };
  },
};

function pair(normal: { default: string }, bold: { default: string }): PdfFont {
  return { normal: unpack(normal), bold: unpack(bold) };
}

function unpack(module: { default: string }): Buffer {
  return brotliDecompressSync(Buffer.from(module.default, "base64"));
}
