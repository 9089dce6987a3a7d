import type { z } from "zod";
import type { Invoice } from "../../../shared/api/invoices.ts";
import { day, period } from "../format/days.ts";
import { money } from "../format/figures.ts";
import { hrefOf } from "../routing/location.ts";
import { Status } from "./status.tsx";
import { type Column, Table } from "./table.tsx";
import { IN_ENGLISH, type Say, useWords } from "../words/words.ts";

export type InvoiceRow = z.infer<typeof Invoice>;

/** Invoices, each with a link to its page. */
export function InvoiceTable({ invoices, withClient, today = new Date(), none }: {
  readonly invoices: readonly InvoiceRow[];
  readonly withClient: boolean;
  readonly today?: Date;
  readonly none: string;
}) {
  const { say } = useWords();
  const columns: Column<InvoiceRow>[] = [
    {
      title: say("invoice"),
      cell: (invoice) => <a href={hrefOf(["invoices", invoice.id])}>{nameOf(invoice, say)}</a>,
      isWhole: true,
    },
    ...withClient
      ? [{
        title: say("client"),
        cell: (invoice: InvoiceRow) => (
          <a class="quiet" href={hrefOf(["clients", invoice.client_id])}>
            <bdi>{invoice.client}</bdi>
          </a>
        ),
      }]
      : [],
    {
      title: say("period"),
      cell: (invoice) => period(invoice.period_start, invoice.period_end),
      isWhole: true,
      isMinor: true,
    },
    { title: say("status"), cell: (invoice) => <Status state={stateOf(invoice, today)} /> },
    {
      title: say("dateDue"),
      cell: ({ due_on }) => due_on === null ? "" : day(due_on),
      isWhole: true,
      isMinor: true,
    },
    {
      title: say("total"),
      cell: ({ total_minor, currency }) => money(total_minor, currency),
      isFigure: true,
    },
    {
      title: say("toPay"),
      cell: ({ status, amount_due_minor, currency }) =>
        status === "void" || status === "draft" ? "" : money(amount_due_minor, currency),
      isFigure: true,
      isMinor: true,
    },
  ];
  return (
    <Table
      label={say("invoices")}
      columns={columns}
      rows={invoices}
      keyOf={({ id }) => id}
      none={none}
    />
  );
}

/** Its number; a draft has none yet. */
export function nameOf({ number }: Pick<InvoiceRow, "number">, say: Say = IN_ENGLISH.say): string {
  return number ?? say("draft");
}

/** The status; an open invoice whose day has passed is overdue. */
export function stateOf(
  { status, due_on, amount_due_minor }: Pick<InvoiceRow, "status" | "due_on" | "amount_due_minor">,
  today: Date,
): string {
  const isLate = due_on !== null && due_on < today.toISOString().slice(0, 10);
  return status === "open" && isLate && amount_due_minor > 0 ? "overdue" : status;
}
