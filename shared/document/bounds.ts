import { minorToDecimal, sumDecimals } from "../money.ts";
import type { DocumentLine, InvoiceDocument } from "./schema.ts";
import { unitText } from "../words/line-words.ts";
import { say, sayCount, type Words, wordsOf } from "../words/words.ts";
import { cleanText } from "./text.ts";

type AgentUse = InvoiceDocument["agents"][number];

/** Lines that are shown on paper; two hundred take a third of a second to lay out. */
export const MOST_LINES = 200;
/** Sums of the lines that are not shown. */
export const MOST_GROUPS = 20;
/** Rows of the breakdown by agent. */
export const MOST_AGENTS = 60;
/** Characters of a description, of its small print and of an agent's name. */
export const MOST_CHARACTERS = 500;
/** Lines of the annex; an invoice of more says how many are missing there. */
export const MOST_ANNEX_LINES = 50_000;

/** A document that can be laid out, and all of its lines as CSV where not all are shown. */
export interface BoundedDocument {
  readonly document: InvoiceDocument;
  readonly annex: string | null;
}

/**
 * The same document with lines that paper can hold: the first ones, those that are not usage before
 * the others, then sums of the rest by kind and unit. Its sums are the document's.
 */
export function boundDocument(
  document: InvoiceDocument,
  words: Words = wordsOf("en"),
): BoundedDocument {
  const { lines, agents } = document;
  const shown = boundLines(lines.map(shortLine), MOST_LINES, words.texts.eachInAnnex, words);
  const named = agents.map((row) => ({ ...row, agent: short(row.agent) }));
  const bounded = { ...document, lines: shown, agents: boundAgents(named, MOST_AGENTS, words) };
  return { document: bounded, annex: lines.length > MOST_LINES ? annexOf(document) : null };
}

/** The document as a file of JSON: whole, and beyond `most` lines or agents with sums of the rest. */
export function boundJson(document: InvoiceDocument, most = MOST_ANNEX_LINES): InvoiceDocument {
  const { lines, agents } = document;
  if (lines.length <= most && agents.length <= most) return document;
  return {
    ...document,
    lines: boundLines(lines, most, "more than a file holds", wordsOf("en")),
    agents: boundAgents(agents, most, wordsOf("en")),
  };
}

function boundLines(
  lines: readonly DocumentLine[],
  most: number,
  whereTheRestIs: string,
  words: Words,
): DocumentLine[] {
  if (lines.length <= most) return [...lines];
  const ranked = lines.map((line, index) => ({ line, index }))
    .sort((one, other) => rankOf(one.line) - rankOf(other.line) || one.index - other.index);
  const shown = ranked.slice(0, most - MOST_GROUPS)
    .sort((one, other) => one.index - other.index);
  const rest = ranked.slice(most - MOST_GROUPS).map(({ line }) => line);
  return [...shown.map(({ line }) => line), ...sumsOf(rest, whereTheRestIs, words)];
}

/** Minimums, items and the like are few and tell more than one of thousands of usage lines. */
function rankOf({ kind }: DocumentLine): number {
  return kind === "usage" ? 1 : 0;
}

function sumsOf(rest: readonly DocumentLine[], detail: string, words: Words): DocumentLine[] {
  const groups = new Map<string, { kind: string; unit: string | null; lines: DocumentLine[] }>();
  for (const line of rest) {
    const { kind, unit } = line;
    const key = JSON.stringify([kind, unit]);
    const other = JSON.stringify([]);
    const place = groups.has(key) || groups.size < MOST_GROUPS - 1 ? key : other;
    const group = groups.get(place) ??
      { ...(place === key ? { kind, unit } : { kind: "usage", unit: null }), lines: [] };
    group.lines.push(line);
    groups.set(place, group);
  }
  return [...groups.values()].map(({ kind, unit, lines }) => ({
    kind,
    description: moreLines(lines.length, unit, words),
    detail,
    period: null,
    agent: null,
    quantity: null,
    unit: null,
    unit_price: null,
    per: null,
    amount_minor: lines.reduce((sum, { amount_minor }) => sum + amount_minor, 0),
    tiers: null,
  }));
}

function moreLines(count: number, unit: string | null, words: Words): string {
  const what = sayCount(words, "moreLines", count);
  return unit === null
    ? what
    : say(words, "inPeriod", { what, period: short(unitText(unit, words)) });
}

function boundAgents(agents: readonly AgentUse[], most: number, words: Words): AgentUse[] {
  if (agents.length <= most) return [...agents];
  const rest = agents.slice(most - 1);
  const sum = (of: (row: AgentUse) => string) => sumDecimals(rest.map(of));
  return [...agents.slice(0, most - 1), {
    agent: sayCount(words, "moreAgents", rest.length),
    requests: sum(({ requests }) => requests),
    input_tokens: sum(({ input_tokens }) => input_tokens),
    output_tokens: sum(({ output_tokens }) => output_tokens),
    other_units: sum(({ other_units }) => other_units),
    amount_minor: rest.reduce((total, { amount_minor }) => total + amount_minor, 0),
  }];
}

function shortLine(line: DocumentLine): DocumentLine {
  const { description, detail, agent } = line;
  if (Math.max(description.length, detail?.length ?? 0, agent?.length ?? 0) <= MOST_CHARACTERS) {
    return line;
  }
  return {
    ...line,
    description: short(description),
    detail: detail === null ? null : short(detail),
    agent: agent === null ? null : short(agent),
  };
}

function short(text: string): string {
  return text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS - 1)}…`;
}

const COLUMNS = [
  "line",
  "kind",
  "description",
  "detail",
  "agent",
  "start",
  "end",
  "quantity",
  "unit",
  "unit_price",
  "per",
  "amount",
  "currency",
];

/** All lines as CSV (RFC 4180): decimals with a point, `end` excluded. */
function annexOf({ lines, exponent, currency }: InvoiceDocument): string {
  const rows = lines.slice(0, MOST_ANNEX_LINES).map((line, index) =>
    [
      String(index + 1),
      line.kind,
      cell(line.description),
      cell(line.detail),
      cell(line.agent),
      line.period?.start ?? "",
      line.period?.end ?? "",
      line.quantity ?? "",
      cell(line.unit),
      line.unit_price ?? "",
      line.per ?? "",
      minorToDecimal(line.amount_minor, exponent),
      currency,
    ].join(",")
  );
  const missing = lines.length - rows.length;
  const more = missing > 0 ? [`,,${missing} more lines are not listed here`] : [];
  return [COLUMNS.join(","), ...rows, ...more, ""].join("\r\n");
}

/** Text as a cell; a spreadsheet takes none for a formula. */
function cell(text: string | null): string {
  const clean = cleanText(short(text ?? ""));
  const plain = /^[=+\-@]/.test(clean) ? `'${clean}` : clean;
  return /[",]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}
