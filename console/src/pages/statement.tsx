import { clientStatement } from "../../../shared/api/operations.ts";
import { useConsole } from "../api/context.ts";
import { everyPage } from "../api/every-page.ts";
import { useAnswer } from "../api/use-answer.ts";
import { dayOf } from "../format/days.ts";
import { money } from "../format/figures.ts";
import { Choice } from "../parts/choice.tsx";
import { ClientChoice } from "../parts/client-choice.tsx";
import { Cut } from "../parts/cut.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { Table } from "../parts/table.tsx";
import { hrefOf } from "../routing/location.ts";
import { changeQuery } from "../routing/use-location.ts";
import type { PageProps } from "./page-props.ts";
import { isKey, type Say, useWords } from "../words/words.ts";
import { CsvButton } from "../parts/csv-button.tsx";

/** The account of a year: what was invoiced, credited and paid, with the balance after each. */
export default function Statement({ location }: PageProps) {
  const { api } = useConsole();
  const { say } = useWords();
  const thisYear = new Date().getUTCFullYear();
  const year = /^(19[7-9]|20|21)\d+$/.test(location.query.year ?? "")
    ? Number(location.query.year)
    : thisYear;
  return (
    <ClientChoice location={location} title={say("statement")}>
      {(client) => (
        <>
          <div class="filters">
            <Choice
              label={say("year")}
              value={String(year)}
              options={[0, 1, 2, 3, 4].map((ago) => [
                String(thisYear - ago),
                String(thisYear - ago),
              ])}
              onChange={(value) => changeQuery(location, { year: value })}
            />
            <CsvButton
              name={`statement-${year}`}
              ask={() =>
                api.billing(clientStatement, {
                  params: { client_id: client.id },
                  query: { year },
                })}
            />
          </div>
          <Entries key={`${client.id} ${year}`} clientId={client.id} year={year} />
        </>
      )}
    </ClientChoice>
  );
}

function Entries({ clientId, year }: { readonly clientId: string; readonly year: number }) {
  const { api } = useConsole();
  const { say } = useWords();
  const answer = useAnswer(
    `statement ${clientId} ${year}`,
    () =>
      everyPage((cursor) =>
        api.billing(clientStatement, {
          params: { client_id: clientId },
          query: { year, cursor, limit: 200 },
        }), 10),
  );
  return (
    <Loaded answer={answer} rows={6}>
      {({ rows, isWhole }) => (
        <>
          <Table
            label={say("statement")}
            none={say("nothingInYear")}
            rows={rows.map((entry, index) => ({ ...entry, index }))}
            keyOf={({ index }) => String(index)}
            columns={[
              { title: say("when"), cell: ({ at }) => dayOf(at), isWhole: true },
              { title: say("what"), cell: ({ entry }) => nameOf(entry, say) },
              {
                title: say("number"),
                cell: ({ number, entry }) =>
                  number !== null && entry === "invoice"
                    ? <a href={hrefOf(["invoices", number])}>{number}</a>
                    : number,
              },
              {
                title: say("amount"),
                cell: ({ amount_minor, currency }) => money(amount_minor, currency),
                isFigure: true,
              },
              {
                title: say("balance"),
                cell: ({ balance_minor, currency }) => money(balance_minor, currency),
                isFigure: true,
              },
            ]}
          />
          <Cut shown={rows.length} isWhole={isWhole} />
        </>
      )}
    </Loaded>
  );
}

/** `opening_balance` is "Opening balance"; an entry without a word is shown as the server names it. */
function nameOf(entry: string, say: Say): string {
  const key = `entry_${entry}`;
  if (isKey(key)) return say(key);
  const words = entry.replaceAll("_", " ");
  return `${words.slice(0, 1).toUpperCase()}${words.slice(1)}`;
}
