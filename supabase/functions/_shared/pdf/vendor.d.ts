import type { Buffer } from "node:buffer";

/** A node of pdfmake's document definition. */
export type PdfNode = Readonly<Record<string, unknown>>;

/** One font of the definition: TrueType bytes for each weight, parsed once per `Buffer` object. */
export interface PdfFont {
  readonly normal: Buffer;
  readonly bold: Buffer;
}

/** Lays the definition out and answers the file. Needs no file system and no network. */
export function printPdf(
  definition: PdfNode,
  fonts: Readonly<Record<string, PdfFont>>,
): Promise<Uint8Array>;

/** The Unicode bidirectional algorithm (bidi-js). */
export function bidi(): {
  /** The embedding level of every UTF-16 unit; odd ones run right to left. */
  getEmbeddingLevels(
    text: string,
    direction?: "ltr" | "rtl" | "auto",
  ): {
    readonly levels: Uint8Array;
    readonly paragraphs: readonly {
      start: number;
      end: number;
      level: number;
    }[];
  };
  /** The mirror image of a bracket and the like, or null. */
  getMirroredCharacter(character: string): string | null;
};
