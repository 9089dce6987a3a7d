import type { z } from "zod";
import { getClient } from "../../../../shared/api/clients.ts";
import { useConsole } from "../../api/context.ts";
import { useAnswer } from "../../api/use-answer.ts";
import { day as dayText, instant } from "../../format/days.ts";
import { amount, quantity } from "../../format/figures.ts";
import { Card } from "../../parts/card.tsx";
import { Loaded } from "../../parts/loaded.tsx";
import { type Column, Pager, Table } from "../../parts/table.tsx";
import { hrefOf, type Location } from "../../routing/location.ts";
import { Call, callsSearch, cursorOf, PAGE } from "./calls-search.ts";

/** The calls of an agent on a day of a client, as they were logged. */
export function Calls({ clientId, model, day, agent, location }: {
  readonly clientId: string;
  readonly model: string;
  readonly day: string;
  readonly agent: string;
  readonly location: Location;
}) {
  const { api } = useConsole();
  const { cursor } = location.query;
  const answer = useAnswer(`calls ${clientId} ${model} ${day} ${agent} ${cursor}`, async () => {
    const client = await api.billing(getClient, { params: { client_id: clientId } });
    if (client.error !== null) return client;
    const search = callsSearch(
      { clientId, model, agent, day, timeZone: client.data.time_zone },
      cursor,
    );
    const calls = await api.rows("agent_usage_logs", Call, search);
    if (calls.error !== null) return calls;
    return { data: { calls: calls.data, timeZone: client.data.time_zone }, error: null };
  });
  return (
    <Card
      title={`Calls of ${agent}, ${dayText(day)}`}
      aside={<a href={hrefOf(location.path)}>Close</a>}
      takesFocus
    >
      <Loaded answer={answer} rows={6}>
        {({ calls, timeZone }) => (
          <>
            <Table
              label="Calls"
              none="No call of that day is kept."
              rows={calls.slice(0, PAGE)}
              keyOf={({ id }) => id}
              columns={[
                {
                  title: "When",
                  cell: ({ timestamp }) => instant(timestamp, timeZone),
                  isWhole: true,
                },
                ...COLUMNS,
              ]}
            />
            <p class="muted table-note">
              Times of {timeZone}, where the client's days begin and end.
            </p>
            <Pager location={location} next={cursorOf(calls)} />
          </>
        )}
      </Loaded>
    </Card>
  );
}

const COLUMNS: readonly Column<z.infer<typeof Call>>[] = [
  { title: "Endpoint", cell: ({ endpoint }) => endpoint, isMinor: true },
  {
    title: "Input",
    cell: ({ input_tokens }) => quantity(String(input_tokens)),
    isFigure: true,
  },
  {
    title: "Output",
    cell: ({ output_tokens }) => quantity(String(output_tokens)),
    isFigure: true,
  },
  {
    title: "Searches",
    cell: ({ web_searches }) => quantity(String(web_searches)),
    isFigure: true,
    isMinor: true,
  },
  {
    title: "Provider cost",
    cell: ({ total_cost }) => amount(String(total_cost), "USD"),
    isFigure: true,
  },
  {
    title: "Log row",
    cell: ({ id }) => <code>{id}</code>,
    isWhole: true,
    isMinor: true,
  },
];
