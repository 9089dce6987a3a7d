import type { z } from "zod";
import { listReconciliations } from "../../../shared/api/operations.ts";
import { REMEDIES } from "../../../shared/stripe/remedies.ts";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { instant } from "../format/days.ts";
import { quantity } from "../format/figures.ts";
import { Card, Figure } from "../parts/card.tsx";
import { Cut } from "../parts/cut.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { Status } from "../parts/status.tsx";
import { type Column, Pager, Table } from "../parts/table.tsx";
import { hrefOf } from "../routing/location.ts";
import type { PageProps } from "./page-props.ts";

type Reconciliation = z.infer<typeof listReconciliations.answer>["data"][number];
type Difference = Reconciliation["left"][number];

/** Whether Stripe and the books agree, and what a person has to do where they do not. */
export default function Stripe({ location }: PageProps) {
  const { api } = useConsole();
  const { cursor } = location.query;
  const newest = useAnswer(
    "newest reconciliation",
    () => api.billing(listReconciliations, { query: { limit: 1 } }),
    true,
  );
  const answer = useAnswer(
    `reconciliations ${cursor}`,
    () => api.billing(listReconciliations, { query: { limit: 10, cursor } }),
  );
  return (
    <>
      <h1>Stripe</h1>
      <p class="muted">
        Each night all money of the last 30 days is compared with Stripe's. What can be mended is
        mended by itself; what is left needs a person.
      </p>
      <div class="cards cards-one">
        <Loaded answer={newest}>{({ data }) => <Newest reconciliation={data[0]} />}</Loaded>
        <Card title="Reconciliations">
          <Loaded answer={answer} rows={6}>
            {({ data, next_cursor }) => (
              <>
                <Table
                  label="Reconciliations"
                  none="Stripe has not been reconciled yet."
                  rows={data}
                  keyOf={({ id }) => id}
                  columns={RECONCILIATIONS}
                />
                <Pager location={location} next={next_cursor} />
              </>
            )}
          </Loaded>
        </Card>
      </div>
    </>
  );
}

function Newest({ reconciliation }: { readonly reconciliation: Reconciliation | undefined }) {
  if (reconciliation === undefined) return null;
  const { left, left_count, finished_at, found_count } = reconciliation;
  const isAgreed = finished_at !== null && left_count === 0;
  return (
    <Card
      title="Agreement"
      aside={reconciliation.livemode ? undefined : <span class="muted">test mode</span>}
    >
      <Figure
        value={isAgreed
          ? "Stripe and the books agree"
          : left_count === 0
          ? "Being compared"
          : `${quantity(String(left_count))} ${
            left_count === 1 ? "difference" : "differences"
          } left`}
        tone={isAgreed ? "good" : left_count === 0 ? "warn" : "bad"}
        note={`${finished_at === null ? "Worked on" : "Compared"} ${
          instant(finished_at ?? reconciliation.worked_at)
        }; ${quantity(String(found_count))} found and mended`}
      />
      {left.length === 0 ? null : (
        <Table
          label="Differences"
          none=""
          rows={left}
          keyOf={(row) => JSON.stringify(row)}
          columns={DIFFERENCES}
        />
      )}
      <Cut shown={left.length} isWhole={left.length === left_count} />
    </Card>
  );
}

const DIFFERENCES: readonly Column<Difference>[] = [
  { title: "What", cell: ({ kind }) => kind.replaceAll("_", " "), isWhole: true },
  {
    title: "Invoice",
    cell: ({ number, stripe_invoice_id }) => (
      <>
        {number === null ? null : <a href={hrefOf(["invoices", number])}>{number}</a>}
        {stripe_invoice_id === null ? null : <div class="muted">{stripe_invoice_id}</div>}
      </>
    ),
  },
  { title: "Ours", cell: ({ ours }) => ours },
  { title: "Stripe's", cell: ({ stripes }) => stripes },
  { title: "What to do", cell: ({ kind }) => REMEDY_OF.get(kind) ?? "" },
];

const REMEDY_OF = new Map<string, string>(Object.entries(REMEDIES));

const RECONCILIATIONS: readonly Column<Reconciliation>[] = [
  {
    title: "Begun",
    cell: ({ started_at, days }) => (
      <>
        {instant(started_at)}
        <div class="muted">{days} days</div>
      </>
    ),
  },
  {
    title: "State",
    cell: ({ finished_at, step }) =>
      finished_at === null
        ? (
          <>
            <Status state="running" /> <span class="muted">next: {step}</span>
          </>
        )
        : <Status state="done" />,
  },
  {
    title: "Events that never came",
    cell: ({ missed_events }) => quantity(String(missed_events)),
    isFigure: true,
    isMinor: true,
  },
  {
    title: "Stripe was told",
    cell: ({ told }) => quantity(String(told)),
    isFigure: true,
    isMinor: true,
  },
  {
    title: "Found and mended",
    cell: ({ found_count }) => quantity(String(found_count)),
    isFigure: true,
  },
  { title: "Left", cell: ({ left_count }) => quantity(String(left_count)), isFigure: true },
];
