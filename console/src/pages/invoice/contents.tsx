import type { z } from "zod";
import type { InvoiceDetail } from "../../../../shared/api/invoices.ts";
import { day, instant, period } from "../../format/days.ts";
import { amount, money, quantity } from "../../format/figures.ts";
import { Card, Facts } from "../../parts/card.tsx";
import { Cut } from "../../parts/cut.tsx";
import { Table } from "../../parts/table.tsx";
import { hrefOf, type Location } from "../../routing/location.ts";
import { useWords } from "../../words/words.ts";

type Detail = z.infer<typeof InvoiceDetail>;

/** Figures of an invoice, from its subtotal to what is to be paid. */
export function Summary({ invoice, isOperator }: {
  readonly invoice: Detail;
  readonly isOperator: boolean;
}) {
  const { say: word } = useWords();
  const say = (minor: number) => money(minor, invoice.currency);
  const optional = ([name, minor]: readonly [string, number]) =>
    minor === 0 ? [] : [fact(name, say(minor))];
  return (
    <Card title={word("summary")}>
      <Facts
        facts={[
          [
            word("client"),
            isOperator
              ? (
                <a key="client" href={hrefOf(["clients", invoice.client_id])}>
                  <bdi>{invoice.client}</bdi>
                </a>
              )
              : <bdi key="client">{invoice.client}</bdi>,
          ],
          [word("period"), period(invoice.period_start, invoice.period_end)],
          [word("dateOfIssue"), invoice.issued_on === null ? "–" : day(invoice.issued_on)],
          [word("dateDue"), invoice.due_on === null ? "–" : day(invoice.due_on)],
          [word("subtotal"), say(invoice.subtotal_minor)],
          ...optional([word("discount"), -invoice.discount_minor]),
          ...optional([word("tax"), invoice.tax_minor]),
          [word("total"), <strong key="total">{say(invoice.total_minor)}</strong>],
          ...optional([word("balanceApplied"), -invoice.balance_applied_minor]),
          ...optional([word("credited"), -invoice.credited_minor]),
          ...optional([word("paid"), -invoice.paid_minor]),
          [word("toPay"), <strong key="due">{say(invoice.amount_due_minor)}</strong>],
        ]}
      />
    </Card>
  );
}

function fact(name: string, value: string): readonly [string, string] {
  return [name, value];
}

/** Its lines; those of usage lead to what they were made of, where the reader can go there. */
export function Lines({ invoice, withLinks, location }: {
  readonly invoice: Detail;
  readonly withLinks: boolean;
  readonly location?: Location;
}) {
  const { say } = useWords();
  return (
    <Card title={say("lines")}>
      <Cut shown={invoice.lines.length} isWhole={invoice.lines.length === invoice.lines_count} />
      <Table
        label={say("lines")}
        none={say("noLines")}
        rows={invoice.lines}
        {...location === undefined ? {} : { order: { location, name: "lines" } }}
        keyOf={({ position }) => String(position)}
        columns={[
          {
            title: say("what"),
            by: ({ description }) => description,
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
            title: say("quantity"),
            by: ({ quantity }) => quantity === null ? null : Number(quantity),
            cell: (line) => line.quantity === null ? "" : quantity(line.quantity),
            isFigure: true,
            isMinor: true,
          },
          {
            title: say("price"),
            cell: ({ unit_amount, per_units }) =>
              unit_amount === null ? "" : (
                <>
                  {amount(unit_amount, invoice.currency)}
                  {per_units === null || per_units === "1"
                    ? null
                    : <div class="muted">{say("per", { units: quantity(per_units) })}</div>}
                </>
              ),
            isFigure: true,
            isMinor: true,
          },
          {
            title: say("amount"),
            by: ({ amount_minor }) => amount_minor,
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
  const { say } = useWords();
  const rows = [
    ...payments.map(({ paid_at, method, reference, amount_minor }) => ({
      at: paid_at,
      what: say("paidBy", { method }),
      reference: reference ?? "",
      minor: amount_minor,
    })),
    ...credit_notes.map(({ issued_at, number, reason, total_minor, voided_at }) => ({
      at: issued_at,
      what: say(voided_at === null ? "creditNoteOf" : "voidCreditNoteOf", { reason }),
      reference: number,
      minor: total_minor,
    })),
  ].sort((one, other) => one.at < other.at ? -1 : 1);
  if (rows.length === 0) return null;
  return (
    <Card title={say("movements")}>
      <Table
        label={say("movements")}
        none=""
        rows={rows}
        keyOf={({ at, reference }) => `${at} ${reference}`}
        columns={[
          { title: say("when"), cell: ({ at }) => instant(at) },
          { title: say("what"), cell: ({ what }) => what },
          { title: say("reference"), cell: ({ reference }) => reference, isMinor: true },
          { title: say("amount"), cell: ({ minor }) => money(minor, currency), isFigure: true },
        ]}
      />
    </Card>
  );
}
