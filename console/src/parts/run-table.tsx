import { instant } from "../format/days.ts";
import { money } from "../format/figures.ts";
import type { shownRun } from "./run.ts";
import { Table } from "./table.tsx";

/** Runs with what they invoiced. */
export function RunTable({ runs }: { readonly runs: readonly ReturnType<typeof shownRun>[] }) {
  return (
    <Table
      label="Runs"
      none="No month has been run yet."
      rows={runs}
      keyOf={({ id }) => String(id)}
      columns={[
        { title: "Run", cell: ({ asOf }) => instant(asOf) },
        { title: "By", cell: ({ actor }) => actor, isMinor: true },
        { title: "Invoices", cell: ({ invoices }) => invoices, isFigure: true },
        {
          title: "Invoiced",
          cell: ({ totals }) =>
            totals.map(([currency, minor]) => <div key={currency}>{money(minor, currency)}</div>),
          isFigure: true,
        },
        { title: "Blocked", cell: ({ blockedCount }) => blockedCount, isFigure: true },
        { title: "Held", cell: ({ held }) => held, isFigure: true, isMinor: true },
      ]}
    />
  );
}
