import type { Script } from "./fonts.ts";
import { bidi } from "./vendor.js";

/** A piece of text in one font, in the order in which it stands on the line from left to right. */
export interface Run {
  readonly text: string;
  readonly font: Script;
}

const { getEmbeddingLevels, getMirroredCharacter } = bidi();

// Stand around values in our own sentences (see `shared/words/words.ts`); they are not drawn.
const OPEN = "\u2068";
const CLOSE = "\u2069";
const ISOLATES = /[\u2068\u2069]/g;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;
const FONTS: readonly (readonly [Script, RegExp])[] = [
  ["Hebrew", /[\u0590-\u05ff\ufb1d-\ufb4f]/],
  ["Arabic", /[\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc]/],
  // Letters, marks, punctuation, currency and arrows that Inter draws.
  ["Latin", /[ -~\u00a0-\u052f\u1e00-\u1fff\u2000-\u22ff\u25a0-\u25ff]/],
  [
    "Japanese",
    /[\u2e80-\u30ff\u31f0-\u31ff\u3200-\u9fff\uf900-\ufaff\uff00-\uffef]/,
  ],
];

/** Every script whose font the text needs. */
export function scriptsOf(text: string): Set<Script> {
  return new Set(
    FONTS.filter(([, pattern]) => pattern.test(text)).map(([script]) => script),
  );
}

// Stands for a character that no font here draws; without it the place would be blank.
const UNKNOWN = "□";

/**
 * A line of text as runs. The typesetter knows neither direction nor several fonts, so text with
 * Hebrew or Arabic is brought into visual order here, word by word; within a word the font's own
 * tables join and order the letters. As the typesetter would break such a line at the wrong end, it
 * is broken here, after at most `lineLength` characters; each line starts with `\n` but the first.
 */
export function textRuns(text: string, lineLength: number): Run[] {
  const known = [...text].map((letter) => scriptOf(letter) ? letter : UNKNOWN)
    .join("");
  if (!RIGHT_TO_LEFT.test(known)) return splitByFont(known.replace(ISOLATES, ""));
  const [{ level = 0 } = {}] = getEmbeddingLevels(known, "auto").paragraphs;
  const direction = level % 2 === 1 ? "rtl" : "ltr";
  return breakLines(known, lineLength).flatMap((line, index) => {
    const runs = visualRuns(line, direction);
    return index === 0 ? runs : [{ text: "\n", font: "Latin" } as const, ...runs];
  });
}

function breakLines(text: string, lineLength: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && lengthOf(last) + 1 + lengthOf(word) <= lineLength) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return wholeIsolates(lines);
}

function lengthOf(text: string): number {
  return text.replace(ISOLATES, "").length;
}

/** What is isolated beyond the end of a line is isolated again on the next. */
function wholeIsolates(lines: readonly string[]): string[] {
  let open = 0;
  return lines.map((line) => {
    const before = open;
    for (const mark of line.match(ISOLATES) ?? []) open += mark === OPEN ? 1 : -1;
    return `${OPEN.repeat(before)}${line}${CLOSE.repeat(Math.max(0, open))}`;
  });
}

/** Level runs in visual order (rule L2): from the highest level down to 1, reverse what is in it. */
function visualRuns(line: string, direction: "ltr" | "rtl"): Run[] {
  const { levels } = getEmbeddingLevels(line, direction);
  let pieces = words(line, levels);
  const highest = Math.max(...levels);
  for (let level = highest; level > 0; level--) {
    const reordered: typeof pieces = [];
    for (let start = 0; start < pieces.length;) {
      let end = start;
      while ((pieces[end]?.level ?? -1) >= level) end++;
      if (end === start) reordered.push(...pieces.slice(start, ++end));
      else reordered.push(...pieces.slice(start, end).reverse());
      start = end;
    }
    pieces = reordered;
  }
  return pieces.map(({ text, font, level }) => ({
    text: level % 2 === 1 && font === "Latin" ? mirrored(text) : text,
    font,
  }));
}

/** Pieces of one level, one font and either spaces only or none. */
function words(line: string, levels: Uint8Array): (Run & { level: number })[] {
  const pieces: (Run & { level: number })[] = [];
  for (let index = 0; index < line.length; index++) {
    const text = line.charAt(index);
    if (text === OPEN || text === CLOSE) continue;
    const level = levels[index] ?? 0;
    const font = fontOf(text);
    const last = pieces.at(-1);
    const joins = last?.level === level && last.font === font &&
      !/ /.test(last.text + text);
    if (last && joins) {
      pieces[pieces.length - 1] = { ...last, text: last.text + text };
    } else pieces.push({ text, font, level });
  }
  return pieces;
}

function mirrored(text: string): string {
  return [...text].reverse().map((character) => getMirroredCharacter(character) ?? character)
    .join("");
}

function splitByFont(text: string): Run[] {
  const runs: Run[] = [];
  for (const character of text) {
    const font = fontOf(character);
    const last = runs.at(-1);
    if (last?.font === font) {
      runs[runs.length - 1] = { text: last.text + character, font };
    } else runs.push({ text: character, font });
  }
  return runs;
}

function fontOf(character: string): Script {
  return scriptOf(character) ?? "Latin";
}

function scriptOf(character: string): Script | undefined {
  return FONTS.find(([, pattern]) => pattern.test(character))?.[0];
}
