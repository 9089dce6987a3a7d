import { useState } from "preact/hooks";
import type { z } from "zod";
import { invoiceEvidence } from "../../../shared/api/evidence.ts";
import { getInvoice, type InvoiceDetail } from "../../../shared/api/invoices.ts";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { InvoiceDocument } from "../parts/invoice-document.tsx";
import { nameOf, stateOf } from "../parts/invoice-table.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { Status } from "../parts/status.tsx";
import { hrefOf } from "../routing/location.ts";
import type { PageProps } from "./page-props.ts";
import { CheckCard } from "./invoice/check-card.tsx";
import { Lines, Movements, Summary } from "./invoice/contents.tsx";
import { InvoiceActs } from "./invoice/invoice-acts.tsx";
import { useWords } from "../words/words.ts";

type Detail = z.infer<typeof InvoiceDetail>;

/** One invoice: its figures, its lines with the way to the calls behind them, its document. */
export default function InvoicePage({ location }: PageProps) {
  const { api, session } = useConsole();
  const { say } = useWords();
  const id = location.path[1] ?? "";
  const answer = useAnswer(
    `invoice ${id}`,
    () => api.billing(getInvoice, { params: { invoice_id: id } }),
  );
  return (
    <Loaded answer={answer} rows={10} title={say("invoice")}>
      {(invoice) => (
        <>
          <p class="crumbs">
            <a href={hrefOf(["invoices"])}>{say("invoices")}</a>
          </p>
          <div class="title-row">
            <h1>
              {nameOf(invoice, say)} <Status state={stateOf(invoice, new Date())} />
            </h1>
            {invoice.number === null ? null : <Download invoice={invoice} />}
          </div>
          {session.role === "operator" ? <InvoiceActs invoice={invoice} /> : null}
          <div class="beside">
            <div class="cards cards-one">
              <Summary invoice={invoice} isOperator={session.role === "operator"} />
              <Lines invoice={invoice} withLinks location={location} />
              <Movements invoice={invoice} />
              {invoice.number !== null && invoice.kind === "period"
                ? (
                  <CheckCard
                    key={invoice.id}
                    invoice={invoice}
                    load={(cursor) =>
                      api.billing(invoiceEvidence, {
                        params: { invoice_id: invoice.id },
                        query: cursor === undefined ? {} : { cursor },
                      })}
                  />
                )
                : null}
            </div>
            {invoice.number === null
              ? <p class="note">{say("noDocument")}</p>
              : <InvoiceDocument invoiceId={invoice.id} name={nameOf(invoice, say)} />}
          </div>
        </>
      )}
    </Loaded>
  );
}

function Download({ invoice }: { readonly invoice: Detail }) {
  const { api } = useConsole();
  const { say } = useWords();
  const [state, setState] = useState<"idle" | "busy" | "failed">("idle");
  const load = async () => {
    setState("busy");
    const { data } = await api.invoicePdf(invoice.id);
    setState(data === null ? "failed" : "idle");
    if (data === null) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(data);
    link.download = `${nameOf(invoice, say)}.pdf`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };
  return (
    <div class="action">
      {state === "failed" ? <span class="tone-bad" role="alert">{say("noPdf")}</span> : null}
      <button class="button button-main" type="button" disabled={state === "busy"} onClick={load}>
        {say(state === "busy" ? "preparing" : "downloadPdf")}
      </button>
    </div>
  );
}
