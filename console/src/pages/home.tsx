import { listInvoices } from "../../../shared/api/invoices.ts";
import { health, listRuns } from "../../../shared/api/operations.ts";
import { useConsole } from "../api/context.ts";
import { everyPage } from "../api/every-page.ts";
import { useAnswer } from "../api/use-answer.ts";
import { instant } from "../format/days.ts";
import { money } from "../format/figures.ts";
import { owedOf } from "./home/owed.ts";
import { shownRun } from "./home/run.ts";
import { ThisMonth } from "./home/this-month.tsx";
import { Blocked, Waiting } from "./home/waiting.tsx";
import { Card, Figure } from "../parts/card.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { Status } from "../parts/status.tsx";
import { Table } from "../parts/table.tsx";
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
  const answer = useAnswer("owed", () =>
    everyPage((cursor) =>
      api.billing(listInvoices, {
        query: { status: "open", limit: 200, ...cursor === undefined ? {} : { cursor } },
      }), 5), true);
  return (
    <Card
      title="Money owed"
      aside={<a href={hrefOf(["invoices"], { status: "open" })}>Open invoices</a>}
    >
      <Loaded answer={answer}>
        {({ rows, isWhole }) => {
          const owed = owedOf(rows, new Date());
          if (owed.length === 0) return <Figure value="Nothing" note="No invoice is open." />;
          return (
            <>
              {owed.map(({ currency, due, overdue, invoices }) => (
                <Figure
                  key={currency}
                  value={money(due, currency)}
                  note={
                    <>
                      {invoices} open {invoices === 1 ? "invoice" : "invoices"}
                      {overdue === 0 ? ", none overdue" : (
                        <>
                          , <span class="tone-bad">{money(overdue, currency)} overdue</span>
                        </>
                      )}
                    </>
                  }
                />
              ))}
              {isWhole ? null : <p class="muted">Of the newest {rows.length} open invoices.</p>}
            </>
          );
        }}
      </Loaded>
    </Card>
  );
}

function Runs() {
  const { api } = useConsole();
  const answer = useAnswer("runs", () => api.billing(listRuns, { query: { limit: 6 } }));
  return (
    <Card title="Runs" wide>
      <Loaded answer={answer}>
        {({ data }) => (
          <Table
            label="Runs"
            none="No month has been run yet."
            rows={data.map(shownRun)}
            keyOf={({ id }) => String(id)}
            columns={[
              { title: "Run", cell: ({ asOf }) => instant(asOf) },
              { title: "By", cell: ({ actor }) => actor, isMinor: true },
              { title: "Invoices", cell: ({ invoices }) => invoices, isFigure: true },
              {
                title: "Invoiced",
                cell: ({ totals }) =>
                  totals.map(([currency, minor]) => (
                    <div key={currency}>{money(minor, currency)}</div>
                  )),
                isFigure: true,
              },
              { title: "Blocked", cell: ({ blockedCount }) => blockedCount, isFigure: true },
              { title: "Held", cell: ({ held }) => held, isFigure: true, isMinor: true },
            ]}
          />
        )}
      </Loaded>
    </Card>
  );
}
