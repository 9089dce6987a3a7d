import type { z } from "zod";
import type { InvoiceDetail, InvoiceLine } from "../../../../shared/api/invoices.ts";
import { clientUsage, type UsageRow } from "../../../../shared/api/usage.ts";
import { useConsole } from "../../api/context.ts";
import { everyPage } from "../../api/every-page.ts";
import { useAnswer } from "../../api/use-answer.ts";
import { day } from "../../format/days.ts";
import { quantity } from "../../format/figures.ts";
import { Card } from "../../parts/card.tsx";
import { Loaded } from "../../parts/loaded.tsx";
import { Table } from "../../parts/table.tsx";
import { hrefOf, type Location } from "../../routing/location.ts";
import { Calls } from "../../parts/calls.tsx";
import { lastDayOf, quantityOf, usageOf } from "./usage-of-line.ts";
import { useWords } from "../../words/words.ts";

interface LineProps {
  readonly invoice: z.infer<typeof InvoiceDetail>;
  readonly line: z.infer<typeof InvoiceLine>;
}

/** The days and agents that a line was made of; each opens its calls. */
export function Days({ invoice, line, location }: LineProps & { readonly location: Location }) {
  const { api } = useConsole();
  const { say } = useWords();
  const start = line.service_start ?? "";
  const end = lastDayOf(line);
  const answer = useAnswer(
    `days ${invoice.id} ${line.position}`,
    () =>
      everyPage((cursor) =>
        api.billing(clientUsage, {
          params: { client_id: invoice.client_id },
          query: {
            start,
            end,
            group_by: "day,agent,model",
            limit: 200,
            ...line.model === null ? {} : { model: line.model },
            ...line.agent === null ? {} : { agent: line.agent },
            ...cursor === undefined ? {} : { cursor },
          },
        }), 20),
  );
  const { day: openDay, agent: openAgent } = location.query;
  return (
    <>
      {openDay !== undefined && openAgent !== undefined
        ? (
          <Calls
            key={`${openDay} ${openAgent}`}
            clientId={invoice.client_id}
            model={line.model}
            day={openDay}
            agent={openAgent}
            location={location}
            closeHref={hrefOf(location.path)}
          />
        )
        : null}
      <Card title={say("days")}>
        <Loaded answer={answer} rows={6}>
          {({ rows }) => {
            const usage = usageOf(line, rows);
            return (
              <>
                <Agreement sum={quantityOf(usage)} line={line} />
                <UsageTable usage={usage} location={location} />
              </>
            );
          }}
        </Loaded>
      </Card>
    </>
  );
}

function UsageTable({ usage, location }: {
  readonly usage: readonly z.infer<typeof UsageRow>[];
  readonly location: Location;
}) {
  const { say } = useWords();
  const { path, query } = location;
  return (
    <Table
      label={say("days")}
      none={say("noUsage")}
      rows={usage}
      order={{ location, name: "days" }}
      keyOf={(row) => `${row.day} ${row.agent}`}
      columns={[
        {
          title: say("day"),
          by: (row) => row.day,
          isWhole: true,
          cell: (row) => {
            if (row.day === null) return "";
            if (row.agent === null) return day(row.day);
            const isOpen = row.day === query.day && row.agent === query.agent;
            return (
              <a
                href={hrefOf(path, { day: row.day, agent: row.agent })}
                aria-current={isOpen ? "true" : undefined}
              >
                {day(row.day)}
              </a>
            );
          },
        },
        { title: say("agent"), by: (row) => row.agent, cell: (row) => row.agent },
        {
          title: say("quantity"),
          by: (row) => Number(row.quantity),
          cell: (row) => quantity(row.quantity),
          isFigure: true,
        },
        {
          title: say("logRows"),
          by: (row) => row.log_count,
          cell: (row) => quantity(String(row.log_count)),
          isFigure: true,
        },
      ]}
    />
  );
}

/** Whether the days come to the quantity of the line, to the last unit. */
function Agreement({ sum, line }: { readonly sum: string; readonly line: LineProps["line"] }) {
  const { say } = useWords();
  if (line.quantity === null || line.is_late) return null;
  return sum === line.quantity
    ? <p class="note note-good">{say("daysAgree", { sum: quantity(sum) })}</p>
    : (
      <p class="note note-warn">
        {say("daysDiffer", { sum: quantity(sum), quantity: quantity(line.quantity) })}
      </p>
    );
}
