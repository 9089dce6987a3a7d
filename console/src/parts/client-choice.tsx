import type { ComponentChildren } from "preact";
import { Choice } from "./choice.tsx";
import type { Location } from "../routing/location.ts";
import { changeQuery } from "../routing/use-location.ts";
import { useWords } from "../words/words.ts";

interface Named {
  readonly id: string;
  readonly name: string;
}

/** A page about one of the user's clients. Most users have one; the others choose. */
export function ClientChoice<Client extends Named>({ clients, location, title, children }: {
  readonly clients: readonly Client[];
  readonly location: Location;
  readonly title: string;
  readonly children: (client: Client) => ComponentChildren;
}) {
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
