import { openSums } from "../../../shared/api/invoices.ts";
import { health, listRuns } from "../../../shared/api/operations.ts";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { instant } from "../format/days.ts";
import { money } from "../format/figures.ts";
import { shownRun } from "../parts/run.ts";
import { ThisMonth } from "./home/this-month.tsx";
import { Blocked, Waiting } from "./home/waiting.tsx";
import { Card, Figure } from "../parts/card.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { RunTable } from "../parts/run-table.tsx";
import { Status } from "../parts/status.tsx";
import { hrefOf } from "../routing/location.ts";

/** The operator's first page: whether all is well, what is owed, and what waits for a person. */
export default function Home() {
  return (
    <>
      <h1>Home</h1>
      <div class="cards">
        <Health />
        <Owed />
        <Waiting />
        <Blocked />
        <ThisMonth />
        <Runs />
      </div>
    </>
  );
}

function Health() {
  const { api } = useConsole();
  const answer = useAnswer("health", () => api.billing(health, {}), true);
  return (
    <Card title="Health">
      <Loaded answer={answer}>
        {({ status, parts, counted_at }) => {
          const unwell = parts.filter(({ state }) => state !== "fine");
          return (
            <>
              <Figure
                value={status === "ok" ? "All is well" : "Needs attention"}
                tone={status === "ok" ? "good" : "warn"}
                note={`Calls counted up to ${instant(counted_at)}`}
              />
              <ul class="list">
                {unwell.map(({ part, state, detail }) => (
                  <li key={part}>
                    <span class="list-head">
                      {part.replaceAll("_", " ")} <Status state={state} />
                    </span>
                    <span class="muted">{detail}</span>
                  </li>
                ))}
              </ul>
              <p class="muted">{parts.length - unwell.length} of {parts.length} parts are fine.</p>
            </>
          );
        }}
      </Loaded>
    </Card>
  );
}

function Owed() {
  const { api } = useConsole();
  const answer = useAnswer("owed", () => api.billing(openSums, {}), true);
  return (
    <Card
      title="Money owed"
      aside={<a href={hrefOf(["invoices"], { status: "open" })}>Open invoices</a>}
    >
      <Loaded answer={answer}>
        {({ data }) =>
          data.length === 0 ? <Figure value="Nothing" note="No invoice is open." /> : (
            <>
              {data.map(({ currency, due_minor, overdue_minor, invoices }) => (
                <Figure
                  key={currency}
                  value={money(due_minor, currency)}
                  note={
                    <>
                      {invoices} open {invoices === 1 ? "invoice" : "invoices"}
                      {overdue_minor === 0 ? ", none overdue" : (
                        <>
                          , <span class="tone-bad">{money(overdue_minor, currency)} overdue</span>
                        </>
                      )}
                    </>
                  }
                />
              ))}
            </>
          )}
      </Loaded>
    </Card>
  );
}

function Runs() {
  const { api } = useConsole();
  const answer = useAnswer("runs", () => api.billing(listRuns, { query: { limit: 6 } }));
  return (
    <Card title="Runs" wide aside={<a href={hrefOf(["runs"])}>All runs</a>}>
      <Loaded answer={answer}>{({ data }) => <RunTable runs={data.map(shownRun)} />}</Loaded>
    </Card>
  );
}
