import type { z } from "zod";
import {
  getInvoice,
  type InvoiceDetail,
  type InvoiceLine,
  listInvoiceLines,
} from "../../../shared/api/invoices.ts";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { period } from "../format/days.ts";
import { amount, money, quantity } from "../format/figures.ts";
import { Card } from "../parts/card.tsx";
import { nameOf } from "../parts/invoice-table.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { hrefOf } from "../routing/location.ts";
import type { PageProps } from "./page-props.ts";
import { Candidates } from "./line/candidates.tsx";
import { Days } from "./line/days-of-line.tsx";
import { type Say, useWords } from "../words/words.ts";

type Line = z.infer<typeof InvoiceLine>;

/** Why a line costs what it costs: the sum, the price with those it beat, the days, the calls. */
export default function LinePage({ location }: PageProps) {
  const { api } = useConsole();
  const { say } = useWords();
  const [, id = "", , position] = location.path;
  const params = { invoice_id: id };
  const answer = useAnswer(`line ${id} ${position}`, async () => {
    const invoice = await api.billing(getInvoice, { params });
    if (invoice.error !== null) return invoice;
    const lines = await api.billing(listInvoiceLines, {
      params,
      query: { position: Number(position) || 1 },
    });
    if (lines.error !== null) return lines;
    return { data: { invoice: invoice.data, line: lines.data.data[0] }, error: null };
  });
  return (
    <Loaded answer={answer} rows={10} title={say("whyThisPrice")}>
      {({ invoice, line }) => {
        if (line === undefined) return <p class="note">{say("noLine")}</p>;
        return (
          <>
            <p class="crumbs">
              <a href={hrefOf(["invoices"])}>{say("invoices")}</a>
              <a href={hrefOf(["invoices", id])}>{nameOf(invoice, say)}</a>
            </p>
            <h1>{say("why", { amount: money(line.amount_minor, invoice.currency) })}</h1>
            <div class="cards cards-one">
              <Sum invoice={invoice} line={line} />
              <Candidates invoice={invoice} line={line} />
              <Days invoice={invoice} line={line} location={location} />
            </div>
          </>
        );
      }}
    </Loaded>
  );
}

/** The line as a calculation: quantity, price, exact amount, rounded amount. */
function Sum({ invoice: { currency }, line }: {
  readonly invoice: z.infer<typeof InvoiceDetail>;
  readonly line: Line;
}) {
  const { say } = useWords();
  const { unit_amount, per_units } = line;
  return (
    <Card title={line.description}>
      <ol class="sum">
        {line.quantity === null ? null : (
          <li>
            <strong>{quantity(line.quantity)}</strong>
            <span>{line.metric?.replaceAll("_", " ") ?? say("units")}{ofClass(line, say)}</span>
          </li>
        )}
        {unit_amount === null
          ? (
            <li>
              <strong>×</strong>
              <span>{say("byTiers", { detail: line.detail ?? "" })}</span>
            </li>
          )
          : (
            <li>
              <strong>× {amount(unit_amount, currency)}</strong>
              <span>
                {per_units === null || per_units === "1"
                  ? say("each")
                  : say("per", { units: quantity(per_units) })}
              </span>
            </li>
          )}
        <li>
          <strong>= {amount(line.precise_amount, currency)}</strong>
          <span>{say("exact")}</span>
        </li>
        <li>
          <strong>= {money(line.amount_minor, currency)}</strong>
          <span>{say("rounded")}</span>
        </li>
      </ol>
      <p class="muted">
        {[
          ...new Set([
            line.model,
            line.agent,
            line.detail,
            period(line.service_start, line.service_end),
          ]),
        ].filter((part) => part !== null && part !== "").join(" · ")}
      </p>
      {line.is_late
        ? (
          <p class="note note-warn">
            {say("lateUsage")}
          </p>
        )
        : null}
    </Card>
  );
}

function ofClass({ rate_class }: Line, say: Say): string {
  return rate_class === null || rate_class === "standard"
    ? ""
    : say("ofClass", { name: rate_class });
}
