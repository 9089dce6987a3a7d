import { z } from "zod";
import { exportJournal, exportJournalLayout } from "../../../shared/api/journal.ts";
import { csvLines } from "../../../shared/csv.ts";
import { LAYOUTS } from "../../../shared/journal/layouts.ts";
import { minorToDecimal } from "../../../shared/money.ts";
import { textEndpoint } from "../_shared/api/endpoint.ts";
import type { Piece } from "../_shared/api/pieces.ts";
import type { Session } from "../_shared/api/session.ts";
import { Entry, type JournalEntry } from "./journal-entry.ts";
import { journalOf, movementsOf } from "./journal-layouts.ts";

const HEAD = [
  "day",
  "transaction",
  "kind",
  "number",
  "client",
  "client_id",
  "account",
  "processor",
  "debit",
  "credit",
  "currency",
  "taxes",
  "posted_at",
];

/** Transactions of a piece. */
const PIECE = 1000;

/** Of which entries a journal is, and after which transaction it goes on. */
interface Span {
  readonly month: string;
  /** Null: of every currency. */
  readonly currency: string | null;
  /** What it does not see is left out: pieces are of one journal, however long they take. */
  readonly snapshot: string;
  readonly after: { readonly at: string; readonly id: string };
}

/** The ledger, for bookkeeping: piece by piece, whole transactions each. */
export const journalEndpoints = [
  textEndpoint(
    exportJournal,
    async (session, { query: { month } }) =>
      await firstPiece(
        session,
        { month, currency: null },
        csvLines([HEAD]),
        (entries) => csvLines(entries.map(cells)),
      ),
  ),
  textEndpoint(
    exportJournalLayout,
    async (session, { params, query }) => {
      const journal = await journalOf(session, params.layout, query);
      const layout = LAYOUTS[params.layout];
      return await firstPiece(
        session,
        query,
        layout.head(journal),
        (entries) =>
          movementsOf(entries).map((movement) => layout.lines(movement, journal)).join(""),
      );
    },
  ),
];

/** The first piece of a journal, from which the others are read; `write` makes their text. */
export async function firstPiece(
  session: Session,
  span: Pick<Span, "month" | "currency">,
  head: string,
  write: (entries: readonly JournalEntry[]) => string,
): Promise<Piece> {
  const [row] = await session.sql<{ snapshot: string }[]>`
    select pg_current_snapshot()::text as snapshot`;
  const after = { at: "-infinity", id: "00000000-0000-0000-0000-000000000000" };
  const first = await pieceAfter(
    session,
    { ...span, snapshot: row?.snapshot ?? "", after },
    write,
  );
  return { ...first, text: head + first.text };
}

async function pieceAfter(
  { sql }: Session,
  span: Span,
  write: (entries: readonly JournalEntry[]) => string,
): Promise<Piece> {
  const { month, currency, snapshot, after } = span;
  const rows = await sql<{ item: unknown }[]>`
    with piece as materialized (
      select t.id from billing.ledger_transactions t
      where t.effective_at >= (${month} || '-01')::date::timestamp at time zone 'UTC'
        and t.effective_at < ((${month} || '-01')::date + interval '1 month') at time zone 'UTC'
        and pg_visible_in_snapshot(t.posted_by, ${snapshot}::text::pg_snapshot)
        and (t.effective_at, t.id) > (${after.at}::text::timestamptz, ${after.id}::text::uuid)
        and (${currency}::text is null or exists (
          select from billing.ledger_entries e
          join billing.ledger_accounts a on a.id = e.account_id
          where e.transaction_id = t.id and a.currency = ${currency}::text))
      order by t.effective_at, t.id limit ${PIECE}
    )
    select jsonb_build_object('day', (j.at at time zone 'UTC')::date) || to_jsonb(j)
      || jsonb_build_object('exponent', c.exponent, 'at', j.at::text) as item
    from piece p join billing.journal j on j.transaction_id = p.id
    join public.currencies c on c.code = j.currency
    where ${currency}::text is null or j.currency = ${currency}::text
    order by j.at, j.transaction_id, j.account, j.processor`;
  const entries = z.array(Entry).parse(rows.map(({ item }) => item));
  const last = entries.at(-1);
  const transactions = new Set(entries.map(({ transaction_id }) => transaction_id)).size;
  return {
    text: write(entries),
    next: last === undefined || transactions < PIECE ? null : (session) =>
      pieceAfter(
        session,
        { ...span, after: { at: last.at, id: last.transaction_id } },
        write,
      ),
  };
}

function cells(entry: JournalEntry): (string | null)[] {
  const money = (minor: number) => minor === 0 ? null : minorToDecimal(minor, entry.exponent);
  return [
    entry.day,
    entry.transaction_id,
    entry.kind,
    entry.number,
    entry.client,
    entry.client_id,
    entry.account,
    entry.processor,
    money(entry.debit_minor),
    money(entry.credit_minor),
    entry.currency,
    entry.taxes,
    entry.posted_at,
  ];
}
