import type { ComponentChildren } from "preact";
import type { z } from "zod";
import { type Client, listClients } from "../../../shared/api/clients.ts";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { Choice } from "./choice.tsx";
import { Loaded } from "./loaded.tsx";
import type { Location } from "../routing/location.ts";
import { changeQuery } from "../routing/use-location.ts";
import { useWords } from "../words/words.ts";

type Named = Pick<z.infer<typeof Client>, "id" | "name">;

interface Page {
  readonly location: Location;
  readonly title: string;
  readonly children: (client: Named) => ComponentChildren;
}

/** A page about one of the user's clients. Most users have one; the others choose. */
export function ClientChoice(page: Page) {
  const { api } = useConsole();
  const answer = useAnswer("my clients", () => api.billing(listClients, { query: {} }));
  return (
    <Loaded answer={answer} rows={8} title={page.title}>
      {({ data }) => <OfClient clients={data} {...page} />}
    </Loaded>
  );
}

function OfClient(
  { clients, location, title, children }: Page & { readonly clients: readonly Named[] },
) {
  const { say } = useWords();
  const client = clients.find(({ id }) => id === location.query.client) ?? clients[0];
  if (client === undefined) {
    return (
      <>
        <h1>{title}</h1>
        <p class="note">{say("noClient")}</p>
      </>
    );
  }
  return (
    <>
      <h1>
        {title}{" "}
        <span class="muted">
          <bdi>{client.name}</bdi>
        </span>
      </h1>
      {clients.length === 1 ? null : (
        <div class="filters">
          <Choice
            label={say("client")}
            value={client.id}
            options={clients.map(({ id, name }) => [id, name])}
            onChange={(value) => changeQuery(location, { client: value, cursor: undefined })}
          />
        </div>
      )}
      {children(client)}
    </>
  );
}
