import { listClients } from "../../../shared/api/clients.ts";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { ClientChoice } from "../parts/client-choice.tsx";
import { CreditCard } from "../parts/credit-card.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { PortalCard } from "../parts/portal-card.tsx";
import { TopUpsCard } from "../parts/top-ups-card.tsx";
import type { PageProps } from "../shell/page-props.ts";
import { useWords } from "../words/words.ts";

/** A customer's credit: what it is worth now, what was bought, and how it is paid. */
export default function Credit({ location }: PageProps) {
  const { api } = useConsole();
  const { say } = useWords();
  const clients = useAnswer("my clients", () => api.billing(listClients, { query: {} }));
  return (
    <Loaded answer={clients} rows={8}>
      {({ data }) => (
        <ClientChoice clients={data} location={location} title={say("credit")}>
          {(client) => (
            <div class="cards">
              <CreditCard key={client.id} clientId={client.id} />
              <TopUpsCard key={client.id} clientId={client.id} location={location} />
              <PortalCard key={client.id} clientId={client.id} />
            </div>
          )}
        </ClientChoice>
      )}
    </Loaded>
  );
}
