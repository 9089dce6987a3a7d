import { listDeliveries } from "../../../../shared/api/deliveries.ts";
import { health, listQuarantine, listRuns } from "../../../../shared/api/operations.ts";
import { useConsole } from "../../api/context.ts";
import { useAnswer } from "../../api/use-answer.ts";
import { day } from "../../format/days.ts";
import { quantity } from "../../format/figures.ts";
import { Card, Figure } from "../../parts/card.tsx";
import { Loaded } from "../../parts/loaded.tsx";
import { Table } from "../../parts/table.tsx";
import { hrefOf } from "../../routing/location.ts";
import { reasonsOf } from "./reasons.ts";
import { shownRun } from "../../parts/run.ts";

/** What no job can finish by itself. */
export function Waiting() {
  const { api } = useConsole();
  const parts = useAnswer("health", () => api.billing(health, {}), true);
  const dead = useAnswer(
    "dead",
    () => api.billing(listDeliveries, { query: { state: "dead", limit: 200 } }),
  );
  return (
    <Card
      title="Waits for a person"
      aside={<a href={hrefOf(["quarantine"])}>Quarantine</a>}
    >
      <Loaded answer={parts}>
        {({ blocked_periods, quarantined_rows }) => (
          <div class="figures">
            <Figure value={quantity(String(blocked_periods))} note="blocked periods" />
            <Figure value={quantity(String(quarantined_rows))} note="calls in quarantine" />
            <Loaded answer={dead} rows={1}>
              {({ data, next_cursor }) => (
                <Figure
                  value={next_cursor === null ? data.length : `${data.length}+`}
                  note={<a href={hrefOf(["deliveries"], { state: "dead" })}>dead deliveries</a>}
                />
              )}
            </Loaded>
          </div>
        )}
      </Loaded>
      <Quarantine />
    </Card>
  );
}

/** Periods that the last run could not bill, with what is missing. */
export function Blocked() {
  const { api } = useConsole();
  const answer = useAnswer("last run", () => api.billing(listRuns, { query: { limit: 1 } }));
  const periods = answer.data?.data.map(shownRun).flatMap(({ blocked }) => blocked) ?? [];
  if (periods.length === 0) return null;
  return (
    <Card title="Blocked periods" wide>
      <Table
        label="Blocked periods"
        none=""
        rows={periods.slice(0, 10)}
        keyOf={(period) => `${period.client_id} ${period.period_start}`}
        columns={[
          {
            title: "Client",
            cell: ({ client, client_id }) => (
              <a href={hrefOf(["clients", client_id])}>
                <bdi>{client}</bdi>
              </a>
            ),
            isWhole: true,
          },
          {
            title: "Period from",
            cell: ({ period_start }) => day(period_start),
            isWhole: true,
            isMinor: true,
          },
          { title: "What is missing", cell: ({ message }) => message },
        ]}
      />
    </Card>
  );
}

function Quarantine() {
  const { api } = useConsole();
  const answer = useAnswer(
    "quarantine",
    () => api.billing(listQuarantine, { query: { limit: 200 } }),
  );
  return (
    <Loaded answer={answer} rows={1}>
      {({ data }) => (
        <ul class="list">
          {reasonsOf(data).map(({ reason, agents }) => (
            <li key={reason}>
              <span>{reason.replaceAll("_", " ")}</span>
              <span class="muted">{agents.join(", ")}</span>
            </li>
          ))}
        </ul>
      )}
    </Loaded>
  );
}
