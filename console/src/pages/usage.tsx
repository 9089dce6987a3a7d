import { ClientChoice } from "../parts/client-choice.tsx";
import { ClientUsage } from "../parts/client-usage.tsx";
import type { PageProps } from "./page-props.ts";
import { useWords } from "../words/words.ts";

/** A customer's usage, down to the call. */
export default function Usage({ location }: PageProps) {
  const { say } = useWords();
  return (
    <ClientChoice location={location} title={say("usage")}>
      {(client) => <ClientUsage key={client.id} clientId={client.id} location={location} />}
    </ClientChoice>
  );
}
