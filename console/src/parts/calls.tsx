import type { z } from "zod";
import { getClient } from "../../../shared/api/clients.ts";
import { type Call, listCalls } from "../../../shared/api/usage.ts";
import type { Api } from "../api/api.ts";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { day as dayText, instant } from "../format/days.ts";
import { amount, quantity } from "../format/figures.ts";
import { CallActs } from "./call-acts.tsx";
import { Card } from "./card.tsx";
import { Loaded } from "./loaded.tsx";
import { type Column, Pager, Table } from "./table.tsx";
import type { Location } from "../routing/location.ts";
import { type Say, useWords } from "../words/words.ts";

/** The calls of an agent on a day of a client, as they were logged. */
export function Calls({ clientId, model, day, agent, location, closeHref }: {
  readonly clientId: string;
  /** Of any model where it is null. */
  readonly model: string | null;
  readonly day: string;
  readonly agent: string;
  readonly location: Location;
  /** Where the page is without them. */
  readonly closeHref: string;
}) {
  const { api, session } = useConsole();
  const { say } = useWords();
  const { cursor } = location.query;
  const answer = useAnswer(`calls ${clientId} ${model} ${day} ${agent} ${cursor}`, async () => {
    const path = { params: { client_id: clientId } };
    const client = await api.billing(getClient, path);
    if (client.error !== null) return client;
    const calls = await api.billing(listCalls, {
      ...path,
      query: {
        limit: 25,
        day,
        agent,
        ...model === null ? {} : { model },
        ...cursor === undefined ? {} : { cursor },
      },
    });
    if (calls.error !== null) return calls;
    return { data: { calls: calls.data, timeZone: client.data.time_zone }, error: null };
  });
  return (
    <Card
      title={say("callsOf", { agent, day: dayText(day) })}
      aside={<a href={closeHref}>{say("close")}</a>}
      takesFocus
    >
      <Loaded answer={answer} rows={6}>
        {({ calls, timeZone }) => (
          <>
            <Table
              label={say("calls")}
              none={say("noCalls")}
              rows={calls.data}
              keyOf={({ id }) => id}
              columns={[
                {
                  title: say("when"),
                  cell: ({ at }) => instant(at, timeZone),
                  isWhole: true,
                },
                ...columns(say),
                ...session.role === "operator" ? [COST, acts(api, clientId)] : [],
              ]}
            />
            <p class="muted table-note">
              {say("timesOf", { zone: timeZone })}
            </p>
            <Pager location={location} next={calls.next_cursor} />
          </>
        )}
      </Loaded>
    </Card>
  );
}

const columns = (say: Say): readonly Column<z.infer<typeof Call>>[] => [
  { title: say("endpoint"), cell: ({ endpoint }) => endpoint, isMinor: true },
  {
    title: say("input"),
    cell: ({ input_tokens }) => quantity(String(input_tokens)),
    isFigure: true,
  },
  {
    title: say("output"),
    cell: ({ output_tokens }) => quantity(String(output_tokens)),
    isFigure: true,
  },
  {
    title: say("searches"),
    cell: ({ web_searches }) => quantity(String(web_searches)),
    isFigure: true,
    isMinor: true,
  },
  {
    title: say("logRow"),
    cell: ({ id }) => <code>{id}</code>,
    isWhole: true,
    isMinor: true,
  },
];

/** What the provider charged: the server tells it to operators alone. */
const COST: Column<z.infer<typeof Call>> = {
  title: "Provider cost",
  cell: ({ provider_cost }) => provider_cost === null ? "" : amount(provider_cost, "USD"),
  isFigure: true,
};

/** What an operator may do about a call. */
const acts = (api: Api, clientId: string): Column<z.infer<typeof Call>> => ({
  title: "Acts",
  cell: (call) => <CallActs api={api} clientId={clientId} call={call} />,
});
