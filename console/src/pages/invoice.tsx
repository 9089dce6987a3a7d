import { useState } from "preact/hooks";
import type { z } from "zod";
import { getInvoice, type InvoiceDetail } from "../../../shared/api/invoices.ts";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { day, instant, period } from "../format/days.ts";
import { amount, money, quantity } from "../format/figures.ts";
import { Card, Facts } from "../parts/card.tsx";
import { InvoiceDocument } from "../parts/invoice-document.tsx";
import { nameOf, stateOf } from "../parts/invoice-table.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { Status } from "../parts/status.tsx";
import { Table } from "../parts/table.tsx";
import { hrefOf } from "../routing/location.ts";
import type { PageProps } from "../shell/page-props.ts";
import { CheckCard } from "./invoice/check-card.tsx";
import { InvoiceActs } from "./invoice/invoice-acts.tsx";

type Detail = z.infer<typeof InvoiceDetail>;

/** One invoice: its figures, its lines with the way to the calls behind them, its document. */
export default function InvoicePage({ location }: PageProps) {
  const { api, session } = useConsole();
  const id = location.path[1] ?? "";
  const answer = useAnswer(
    `invoice ${id}`,
    () => api.billing(getInvoice, { params: { invoice_id: id } }),
  );
  return (
    <Loaded answer={answer} rows={10}>
      {(invoice) => (
        <>
          <p class="crumbs">
            <a href={hrefOf(["invoices"])}>Invoices</a>
          </p>
          <div class="title-row">
            <h1>
              {nameOf(invoice)} <Status state={stateOf(invoice, new Date())} />
            </h1>
            {invoice.number === null ? null : <Download invoice={invoice} />}
          </div>
          {session.role === "operator" ? <InvoiceActs invoice={invoice} /> : null}
          <div class="beside">
            <div class="cards cards-one">
              <Summary invoice={invoice} isOperator={session.role === "operator"} />
              <Lines invoice={invoice} />
              <Movements invoice={invoice} />
              {invoice.number !== null && invoice.kind === "period"
                ? <CheckCard key={invoice.id} invoice={invoice} />
                : null}
            </div>
            {invoice.number === null
              ? <p class="note">A draft has no document yet: it is written when it is issued.</p>
              : <InvoiceDocument invoiceId={invoice.id} name={nameOf(invoice)} />}
          </div>
        </>
      )}
    </Loaded>
  );
}

function Summary({ invoice, isOperator }: {
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

function Lines({ invoice }: { readonly invoice: Detail }) {
  return (
    <Card title="Lines">
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
                {kind === "usage" && model !== null
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

function Movements({ invoice: { payments, credit_notes, currency } }: {
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

function Download({ invoice }: { readonly invoice: Detail }) {
  const { api } = useConsole();
  const [state, setState] = useState<"idle" | "busy" | "failed">("idle");
  const load = async () => {
    setState("busy");
    const { data } = await api.invoicePdf(invoice.id);
    setState(data === null ? "failed" : "idle");
    if (data === null) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(data);
    link.download = `${nameOf(invoice)}.pdf`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };
  return (
    <div class="action">
      {state === "failed"
        ? <span class="tone-bad" role="alert">The PDF did not arrive.</span>
        : null}
      <button class="button button-main" type="button" disabled={state === "busy"} onClick={load}>
        {state === "busy" ? "Preparing …" : "Download PDF"}
      </button>
    </div>
  );
}
