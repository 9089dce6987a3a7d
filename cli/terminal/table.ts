/** A column: its heading, and on which side its cells are ragged. */
export interface Column {
  readonly title: string;
  readonly align: "left" | "right";
}

const WIDE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303f\uff00-\uff60]/u;
const RIGHT_TO_LEFT = /[\p{Script=Arabic}\p{Script=Hebrew}]/u;
/** Keeps a right-to-left name from turning the rest of its line around. */
const ISOLATE = ["\u2068", "\u2069"] as const;

/**
 * Lines of a table whose columns stand under each other on a terminal. Names come from others:
 * nothing in them moves the cursor, starts a line or turns what follows around.
 */
export function tableLines(columns: readonly Column[], given: readonly string[][]): string[] {
  const rows = given.map((cells) =>
    cells.map((text) => text.replace(/[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, " "))
  );
  const widths = columns.map(({ title }, index) =>
    Math.max(...[title, ...rows.map((row) => row[index] ?? "")].map(displayWidth))
  );
  const line = (cells: readonly string[]) =>
    columns.map(({ align }, index) => {
      const text = cells[index] ?? "";
      const space = " ".repeat((widths[index] ?? 0) - displayWidth(text));
      return align === "left" ? isolated(text) + space : space + text;
    }).join("  ").trimEnd();
  return [
    line(columns.map(({ title }) => title)),
    widths.map((width) => "─".repeat(width)).join("  "),
    ...rows.map(line),
  ];
}

/** Columns that a text takes on a terminal: Chinese and Japanese characters take two. */
export function displayWidth(text: string): number {
  return [...text].reduce((width, character) => width + widthOf(character), 0);
}

/** The text, or as much of its beginning as fits with an ellipsis. */
export function shorten(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let short = "";
  for (const character of text) {
    if (displayWidth(short) + widthOf(character) > width - 1) break;
    short += character;
  }
  return `${short.trimEnd()}…`;
}

function widthOf(character: string): number {
  if (/\p{Mark}/u.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

function isolated(text: string): string {
  return RIGHT_TO_LEFT.test(text) ? `${ISOLATE[0]}${text}${ISOLATE[1]}` : text;
}
