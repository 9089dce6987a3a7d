import { listJobs, listRuns, runMonth } from "../../../shared/api/operations.ts";
import { Act, type ActOf, known } from "../acts/act.tsx";
import type { Api } from "../api/api.ts";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { instant } from "../format/days.ts";
import { Card } from "../parts/card.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { RunTable } from "../parts/run-table.tsx";
import { Status } from "../parts/status.tsx";
import { Pager, Table } from "../parts/table.tsx";
import type { PageProps } from "./page-props.ts";
import { shownRun } from "../parts/run.ts";

/** What runs by itself: monthly runs and scheduled jobs. */
export default function Runs({ location }: PageProps) {
  const { api } = useConsole();
  const { cursor } = location.query;
  const answer = useAnswer(
    `all runs ${cursor}`,
    () =>
      api.billing(listRuns, {
        query: { limit: 10, ...cursor === undefined ? {} : { cursor } },
      }),
  );
  return (
    <>
      <div class="title-row">
        <h1>Runs and jobs</h1>
        <Act act={run(api)} />
      </div>
      <div class="cards cards-one">
        <Card title="Monthly runs">
          <Loaded answer={answer} rows={6}>
            {({ data, next_cursor }) => (
              <>
                <RunTable runs={data.map(shownRun)} />
                <Pager location={location} next={next_cursor} />
              </>
            )}
          </Loaded>
        </Card>
        <Jobs />
      </div>
    </>
  );
}

function Jobs() {
  const { api } = useConsole();
  const answer = useAnswer("jobs", () => api.billing(listJobs, {}), true);
  return (
    <Card title="Scheduled jobs">
      <Loaded answer={answer} rows={8}>
        {({ data }) => (
          <Table
            label="Scheduled jobs"
            none="No job is scheduled."
            rows={data}
            keyOf={({ name }) => name}
            columns={[
              {
                title: "Job",
                cell: ({ name, purpose }) => (
                  <>
                    {name}
                    <div class="muted">{purpose}</div>
                  </>
                ),
              },
              {
                title: "Schedule",
                cell: ({ schedule }) => <code>{schedule}</code>,
                isMinor: true,
                isWhole: true,
              },
              {
                title: "Last run",
                cell: ({ last_started_at, last_outcome }) =>
                  last_started_at === null ? "never" : (
                    <>
                      {instant(last_started_at)}{" "}
                      {last_outcome === null ? null : <Status state={last_outcome} />}
                    </>
                  ),
                isMinor: true,
              },
              {
                title: "Next run",
                cell: ({ next_run_at }) => next_run_at === null ? "–" : instant(next_run_at),
                isMinor: true,
                isWhole: true,
              },
              {
                title: "Warning",
                cell: ({ warning }) =>
                  warning === null
                    ? <Status state="fine" />
                    : <span class="tone-bad">{warning}</span>,
              },
            ]}
          />
        )}
      </Loaded>
    </Card>
  );
}

function run(api: Api) {
  return {
    name: "Run now",
    title: "Invoice every period that is over",
    preview: () =>
      known(
        <p>
          Every client's period that is over, and past its grace, is invoiced, as at each scheduled
          run. What has its invoice already gets no second one.
        </p>,
      ),
    run: (_, idempotencyKey) => api.billing(runMonth, { body: {}, idempotencyKey }),
    done: ({ invoices, drafts, skipped }) =>
      `${invoices} invoices, ${drafts} drafts; ${skipped} periods had nothing to bill.`,
  } satisfies ActOf<
    { readonly invoices: number; readonly drafts: number; readonly skipped: number }
  >;
}
