import type { z } from "zod";
import type { InvoiceDetail } from "../../../../shared/api/invoices.ts";
import { day, instant, period } from "../../format/days.ts";
import { amount, money, quantity } from "../../format/figures.ts";
import { Card, Facts } from "../../parts/card.tsx";
import { Cut } from "../../parts/cut.tsx";
import { Table } from "../../parts/table.tsx";
import { hrefOf } from "../../routing/location.ts";

type Detail = z.infer<typeof InvoiceDetail>;

/** Figures of an invoice, from its subtotal to what is to be paid. */
export function Summary({ invoice, isOperator }: {
  readonly invoice: Detail;
  readonly isOperator: boolean;
}) {
  const say = (minor: number) => money(minor, invoice.currency);
  const optional = ([name, minor]: readonly [string, number]) =>
    minor === 0 ? [] : [fact(name, say(minor))];
  return (
    <Card title="Summary">
      <Facts
        facts={[
          [
            "Client",
            isOperator
              ? (
                <a key="client" href={hrefOf(["clients", invoice.client_id])}>
                  <bdi>{invoice.client}</bdi>
                </a>
              )
              : <bdi key="client">{invoice.client}</bdi>,
          ],
          ["Period", period(invoice.period_start, invoice.period_end)],
          ["Issued on", invoice.issued_on === null ? "–" : day(invoice.issued_on)],
          ["Due on", invoice.due_on === null ? "–" : day(invoice.due_on)],
          ["Subtotal", say(invoice.subtotal_minor)],
          ...optional(["Discount", -invoice.discount_minor]),
          ...optional(["Tax", invoice.tax_minor]),
          ["Total", <strong key="total">{say(invoice.total_minor)}</strong>],
          ...optional(["Balance applied", -invoice.balance_applied_minor]),
          ...optional(["Credited", -invoice.credited_minor]),
          ...optional(["Paid", -invoice.paid_minor]),
          ["To pay", <strong key="due">{say(invoice.amount_due_minor)}</strong>],
        ]}
      />
    </Card>
  );
}

function fact(name: string, value: string): readonly [string, string] {
  return [name, value];
}

/** Its lines; those of usage lead to what they were made of, where the reader can go there. */
export function Lines({ invoice, withLinks }: {
  readonly invoice: Detail;
  readonly withLinks: boolean;
}) {
  return (
    <Card title="Lines">
      <Cut shown={invoice.lines.length} isWhole={invoice.lines.length === invoice.lines_count} />
      <Table
        label="Lines"
        none="The invoice has no lines."
        rows={invoice.lines}
        keyOf={({ position }) => String(position)}
        columns={[
          {
            title: "What",
            cell: ({ position, kind, description, detail, model }) => (
              <>
                {withLinks && kind === "usage" && model !== null
                  ? (
                    <a href={hrefOf(["invoices", invoice.id, "lines", String(position)])}>
                      {description}
                    </a>
                  )
                  : description}
                {detail === null ? null : <div class="muted">{detail}</div>}
              </>
            ),
          },
          {
            title: "Quantity",
            cell: (line) => line.quantity === null ? "" : quantity(line.quantity),
            isFigure: true,
            isMinor: true,
          },
          {
            title: "Price",
            cell: ({ unit_amount, per_units }) =>
              unit_amount === null ? "" : (
                <>
                  {amount(unit_amount, invoice.currency)}
                  {per_units === null || per_units === "1"
                    ? null
                    : <div class="muted">per {quantity(per_units)}</div>}
                </>
              ),
            isFigure: true,
            isMinor: true,
          },
          {
            title: "Amount",
            cell: ({ amount_minor }) => money(amount_minor, invoice.currency),
            isFigure: true,
          },
        ]}
      />
    </Card>
  );
}

/** What was paid and credited. */
export function Movements({ invoice: { payments, credit_notes, currency } }: {
  readonly invoice: Detail;
}) {
  const rows = [
    ...payments.map(({ paid_at, method, reference, amount_minor }) => ({
      at: paid_at,
      what: `Paid by ${method}`,
      reference: reference ?? "",
      minor: amount_minor,
    })),
    ...credit_notes.map(({ issued_at, number, reason, total_minor, voided_at }) => ({
      at: issued_at,
      what: voided_at === null ? `Credit note: ${reason}` : `Void credit note: ${reason}`,
      reference: number,
      minor: total_minor,
    })),
  ].sort((one, other) => one.at < other.at ? -1 : 1);
  if (rows.length === 0) return null;
  return (
    <Card title="Payments and credit notes">
      <Table
        label="Payments and credit notes"
        none=""
        rows={rows}
        keyOf={({ at, reference }) => `${at} ${reference}`}
        columns={[
          { title: "When", cell: ({ at }) => instant(at) },
          { title: "What", cell: ({ what }) => what },
          { title: "Reference", cell: ({ reference }) => reference, isMinor: true },
          { title: "Amount", cell: ({ minor }) => money(minor, currency), isFigure: true },
        ]}
      />
    </Card>
  );
}
