import { listInvoices } from "../../../shared/api/invoices.ts";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { Card } from "../parts/card.tsx";
import { ClientChoice } from "../parts/client-choice.tsx";
import { CreditCard } from "../parts/credit-card.tsx";
import { InvoiceTable } from "../parts/invoice-table.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { SpendCard } from "../parts/spend-card.tsx";
import { hrefOf } from "../routing/location.ts";
import type { PageProps } from "./page-props.ts";
import { BudgetCard } from "../parts/budget-card.tsx";
import { useWords } from "../words/words.ts";

/** A customer's first page: what the running period costs so far, and the newest invoices. */
export default function Spend({ location }: PageProps) {
  const { say } = useWords();
  return (
    <ClientChoice location={location} title={say("spend")}>
      {(client) => (
        <div class="cards">
          <SpendCard key={client.id} clientId={client.id} />
          <BudgetCard key={client.id} clientId={client.id} />
          <CreditCard key={client.id} clientId={client.id} />
          <Newest key={client.id} clientId={client.id} />
        </div>
      )}
    </ClientChoice>
  );
}

function Newest({ clientId }: { readonly clientId: string }) {
  const { api } = useConsole();
  const { say } = useWords();
  const answer = useAnswer(
    `newest ${clientId}`,
    () => api.billing(listInvoices, { query: { client_id: clientId, limit: 5 } }),
  );
  return (
    <Card
      title={say("newestInvoices")}
      wide
      aside={<a href={hrefOf(["invoices"])}>{say("allInvoices")}</a>}
    >
      <Loaded answer={answer}>
        {({ data }) => <InvoiceTable invoices={data} withClient={false} none={say("noInvoice")} />}
      </Loaded>
    </Card>
  );
}
