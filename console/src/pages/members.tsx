import { ClientChoice } from "../parts/client-choice.tsx";
import { MembersCard } from "../parts/members-card.tsx";
import { useRole } from "../parts/use-role.ts";
import type { PageProps } from "./page-props.ts";
import { useWords } from "../words/words.ts";

/** Who sees a client, for its admins. */
export default function Members({ location }: PageProps) {
  const { say } = useWords();
  return (
    <ClientChoice location={location} title={say("members")}>
      {(client) => <OfClient key={client.id} client={client} />}
    </ClientChoice>
  );
}

function OfClient({ client }: { readonly client: { readonly id: string; readonly name: string } }) {
  const { say } = useWords();
  const mayManage = useRole(client.id, "admin");
  if (mayManage === null) return <div class="bars" role="status" aria-label={say("loading")} />;
  if (!mayManage) return <p class="note">{say("membersForAdmins")}</p>;
  return (
    <div class="cards">
      <MembersCard client={client} wide />
    </div>
  );
}
