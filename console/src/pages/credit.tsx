import { ClientChoice } from "../parts/client-choice.tsx";
import { CreditCard } from "../parts/credit-card.tsx";
import { PortalCard } from "../parts/portal-card.tsx";
import { TopUpsCard } from "../parts/top-ups-card.tsx";
import type { PageProps } from "./page-props.ts";
import { useWords } from "../words/words.ts";

/** A customer's credit: what it is worth now, what was bought, and how it is paid. */
export default function Credit({ location }: PageProps) {
  const { say } = useWords();
  return (
    <ClientChoice location={location} title={say("credit")}>
      {(client) => (
        <div class="cards">
          <CreditCard key={client.id} clientId={client.id} />
          <TopUpsCard key={client.id} clientId={client.id} location={location} />
          <PortalCard key={client.id} clientId={client.id} />
        </div>
      )}
    </ClientChoice>
  );
}
