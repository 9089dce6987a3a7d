import { linkEvidence, openInvoiceLink } from "../../../shared/api/invoice-links.ts";
import type { BillingClient } from "../../../shared/client/billing-client.ts";
import { useAnswer } from "../api/use-answer.ts";
import { nameOf, stateOf } from "../parts/invoice-table.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { Status } from "../parts/status.tsx";
import { CheckCard } from "./invoice/check-card.tsx";
import { Lines, Movements, Summary } from "./invoice/contents.tsx";
import { useWords } from "../words/words.ts";

/** One invoice, for everybody who has its link: read it, pay it, take its PDF, compute it again. */
export default function LinkPage({ billing, token }: {
  readonly billing: BillingClient;
  readonly token: string;
}) {
  const { say } = useWords();
  const answer = useAnswer(
    `link ${token}`,
    () => billing(openInvoiceLink, { body: { token } }),
  );
  return (
    <main class="open-invoice">
      <Loaded answer={answer} rows={8} title={say("invoice")}>
        {({ invoice, pdf, pay_url }) => (
          <>
            <div class="title-row">
              <h1>
                {nameOf(invoice, say)} <Status state={stateOf(invoice, new Date())} />
              </h1>
              <div class="acts">
                {pdf === null
                  ? null
                  : <a class="button" href={pdf.url} rel="noopener">{say("downloadPdf")}</a>}
                {pay_url === null
                  ? null
                  : <a class="button button-main" href={pay_url} rel="noopener">{say("pay")}</a>}
              </div>
            </div>
            <Summary invoice={invoice} isOperator={false} />
            <Lines invoice={invoice} withLinks={false} />
            <Movements invoice={invoice} />
            {invoice.kind === "period"
              ? (
                <CheckCard
                  invoice={invoice}
                  load={(cursor) =>
                    billing(linkEvidence, {
                      body: { token, ...cursor === undefined ? {} : { cursor } },
                    })}
                />
              )
              : null}
          </>
        )}
      </Loaded>
    </main>
  );
}
