import { useState } from "preact/hooks";
import type { z } from "zod";
import type { invoiceEvidence } from "../../../../shared/api/evidence.ts";
import type { InvoiceDetail } from "../../../../shared/api/invoices.ts";
import type { CallResult } from "../../../../shared/client/billing-client.ts";
import { type Problem, problem } from "../../../../shared/errors.ts";
import type { CheckedFact, CheckedInvoice } from "../../../../shared/rater/check-invoice.ts";
import type { LogRow } from "../../../../shared/rater/world.ts";
import { money, quantity } from "../../format/figures.ts";
import { Card } from "../../parts/card.tsx";
import { ProblemNote } from "../../acts/problem-note.tsx";
import { Table } from "../../parts/table.tsx";
import { useWords } from "../../words/words.ts";

type Detail = z.infer<typeof InvoiceDetail>;
/** Asks for a page of what decides the invoice. */
type Load = (
  cursor: string | undefined,
) => Promise<CallResult<z.output<typeof invoiceEvidence.answer>>>;

interface Checked extends CheckedInvoice {
  readonly logs: number;
}

type State =
  | { readonly at: "idle" }
  | { readonly at: "busy"; readonly logs: number }
  | { readonly at: "failed"; readonly problem: Problem }
  | { readonly at: "done"; readonly checked: Checked };

/** Pages of a thousand log rows: beyond that a browser is the wrong place. */
const MOST_PAGES = 300;

/**
 * Computes the invoice again from the rows that decide it, here in the browser, by code that shares
 * nothing with the database that wrote it.
 */
export function CheckCard({ invoice, load }: {
  readonly invoice: Detail;
  readonly load: Load;
}) {
  const { say } = useWords();
  const [state, setState] = useState<State>({ at: "idle" });
  const check = async () => {
    setState({ at: "busy", logs: 0 });
    const { data, error } = await checked(load, invoice, (logs) => setState({ at: "busy", logs }))
      .catch((reason) => ({ data: null, error: problem("unreachable", String(reason)) }));
    setState(error === null ? { at: "done", checked: data } : { at: "failed", problem: error });
  };
  return (
    <Card
      title={say("checkIt")}
      aside={
        <button class="button" type="button" disabled={state.at === "busy"} onClick={check}>
          {say(state.at === "busy" ? "computing" : "compute")}
        </button>
      }
    >
      <p class="muted">{say("checkText")}</p>
      <Outcome state={state} currency={invoice.currency} />
    </Card>
  );
}

function Outcome({ state, currency }: { readonly state: State; readonly currency: string }) {
  const { say } = useWords();
  if (state.at === "idle") return null;
  if (state.at === "busy") {
    return <p role="status">{say("callsLoaded", { calls: quantity(String(state.logs)) })}</p>;
  }
  if (state.at === "failed") return <ProblemNote problem={state.problem} />;
  const { differences, compared, logs } = state.checked;
  if (differences.length === 0) {
    return (
      <p class="note note-good" role="status">
        {say("agrees", { compared, calls: quantity(String(logs)) })}
      </p>
    );
  }
  return (
    <>
      <p class="note note-warn" role="status">
        {say("differ", { differences: differences.length, compared })}
      </p>
      <Table
        label={say("differences")}
        none=""
        rows={differences}
        keyOf={({ what }) => what}
        columns={[
          { title: say("what"), cell: ({ what }) => what },
          {
            title: say("invoice"),
            cell: ({ invoice }) => shown(invoice, currency),
            isFigure: true,
          },
          { title: say("computed"), cell: ({ rated }) => shown(rated, currency), isFigure: true },
        ]}
      />
    </>
  );
}

function shown(fact: CheckedFact["invoice"], currency: string): string {
  return /^-?\d+$/.test(fact) ? money(Number(fact), currency) : fact;
}

async function checked(
  load: Load,
  invoice: Detail,
  onLogs: (count: number) => void,
): Promise<CallResult<Checked>> {
  const first = await load(undefined);
  if (first.error !== null) return first;
  const { facts } = first.data;
  if (facts === null) {
    return { data: null, error: problem("bad_request", "only invoices of a period are checked") };
  }
  const logs: LogRow[] = [...first.data.logs];
  let cursor = first.data.next_cursor;
  for (let pages = 1; cursor !== null; pages++) {
    if (pages === MOST_PAGES) {
      return { data: null, error: problem("too_large", "the period has too many calls for this") };
    }
    onLogs(logs.length);
    const next = await load(cursor);
    if (next.error !== null) return next;
    logs.push(...next.data.logs);
    cursor = next.data.next_cursor;
  }
  const { checkInvoice } = await import("../../../../shared/rater/check-invoice.ts");
  const world = { ...facts.world, logs };
  return { data: { ...checkInvoice(invoice, world, facts), logs: logs.length }, error: null };
}
