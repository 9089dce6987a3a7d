import { listInvoices } from "../../../shared/api/invoices.ts";
import { clientSpend } from "../../../shared/api/usage.ts";
import type { BillingClient } from "../../../shared/client/billing-client.ts";
import { minorToDecimal } from "../../../shared/money.ts";
import { type Answer, useAnswer } from "../api/use-answer.ts";
import { day, instant, period } from "../format/days.ts";
import { exponentOf, money } from "../format/figures.ts";
import { isKey, useWords } from "../words/words.ts";

/** What an element shows: of one client, asked for with the user's token. */
export interface ViewProps {
  readonly billing: BillingClient;
  readonly clientId: string;
}

/** What the running period costs so far, where it is heading, and a bar a day. */
export function SpendView({ billing, clientId }: ViewProps) {
  const { say } = useWords();
  const answer = useAnswer(
    `spend ${clientId}`,
    () => billing(clientSpend, { params: { client_id: clientId } }),
    true,
  );
  const spend = answer.data;
  return (
    <section class="card" aria-label={say("spendSoFar")}>
      <h2>{say("spendSoFar")}</h2>
      <Waiting answer={answer} />
      {spend === null ? null : (
        <>
          <div class="figures">
            <div>
              <div class="value">{money(spend.usage_minor, spend.currency)}</div>
              <div class="note">
                {say("beforeDiscount", { period: period(spend.period.start, spend.period.end) })}
              </div>
            </div>
            <div>
              <div class="value">{money(spend.forecast_minor, spend.currency)}</div>
              <div class="note">
                {say("expected", { day: spend.elapsed_days, days: spend.total_days })}
              </div>
            </div>
          </div>
          <Bars
            label={say("spendByDay")}
            days={spend.days.map(({ day, amount_minor }) => ({
              day,
              height: Number(minorToDecimal(amount_minor, exponentOf(spend.currency))),
              text: money(amount_minor, spend.currency),
            }))}
          />
          <p class="note">{say("countedUpTo", { at: instant(spend.counted_at) })}</p>
        </>
      )}
    </section>
  );
}

/** The newest invoices with what is to be paid. */
export function InvoicesView({ billing, clientId }: ViewProps) {
  const { say } = useWords();
  const answer = useAnswer(
    `invoices ${clientId}`,
    () => billing(listInvoices, { query: { client_id: clientId, limit: 12 } }),
  );
  const invoices = answer.data?.data;
  return (
    <section class="card" aria-label={say("invoices")}>
      <h2>{say("invoices")}</h2>
      <Waiting answer={answer} />
      {invoices === undefined
        ? null
        : invoices.length === 0
        ? <p class="note">{say("noInvoice")}</p>
        : (
          <div class="frame" tabIndex={0} role="region" aria-label={say("allInvoices")}>
            <table>
              <thead>
                <tr>
                  <th scope="col">{say("invoice")}</th>
                  <th scope="col">{say("period")}</th>
                  <th scope="col">{say("status")}</th>
                  <th scope="col" class="figure">{say("total")}</th>
                  <th scope="col" class="figure">{say("toPay")}</th>
                </tr>
              </thead>
              <tbody>
                {invoices.map((invoice) => {
                  const state = `state_${invoice.status}`;
                  return (
                    <tr key={invoice.id}>
                      <td>{invoice.number ?? say("draft")}</td>
                      <td>{period(invoice.period_start, invoice.period_end)}</td>
                      <td>{isKey(state) ? say(state) : invoice.status}</td>
                      <td class="figure">{money(invoice.total_minor, invoice.currency)}</td>
                      <td class="figure">{money(invoice.amount_due_minor, invoice.currency)}</td>
                    </tr>
                  );
                })}
              </tbody>
            </table>
          </div>
        )}
    </section>
  );
}

function Waiting({ answer }: { readonly answer: Answer<unknown> }) {
  const { say } = useWords();
  if (answer.error !== null) return <p class="bad" role="alert">{answer.error.title}</p>;
  return answer.data === null ? <p class="note" role="status">{say("loading")}</p> : null;
}

function Bars({ label, days }: {
  readonly label: string;
  readonly days: readonly {
    readonly day: string;
    readonly height: number;
    readonly text: string;
  }[];
}) {
  const most = Math.max(...days.map(({ height }) => height), 0);
  if (most === 0) return null;
  return (
    <svg
      viewBox={`0 0 ${days.length * 10} 72`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      {days.map(({ day: of, height, text }, index) => (
        <rect
          key={of}
          x={index * 10 + 1}
          y={72 - height / most * 70}
          width={8}
          height={height / most * 70}
        >
          <title>{`${day(of)}: ${text}`}</title>
        </rect>
      ))}
    </svg>
  );
}
