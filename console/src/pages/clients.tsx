import type { z } from "zod";
import { Client, listClients } from "../../../shared/api/clients.ts";
import { Act } from "../acts/act.tsx";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { day } from "../format/days.ts";
import { Choice } from "../parts/choice.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { Status } from "../parts/status.tsx";
import { type Column, Pager, Table } from "../parts/table.tsx";
import { hrefOf } from "../routing/location.ts";
import { changeQuery } from "../routing/use-location.ts";
import type { PageProps } from "./page-props.ts";
import { addClient } from "./client/add-client.tsx";
import { CsvButton, whole } from "../parts/csv-button.tsx";

/** Clients by name. */
export default function Clients({ location }: PageProps) {
  const { api } = useConsole();
  const { cursor, status } = location.query;
  const state = Client.shape.status.safeParse(status).data;
  const asked = { limit: 25, ...state === undefined ? {} : { status: state } };
  const answer = useAnswer(
    `clients ${state} ${cursor}`,
    () => api.billing(listClients, { query: { ...asked, cursor } }),
  );
  return (
    <>
      <div class="title-row">
        <h1>Clients</h1>
        <Act act={addClient(api)} />
      </div>
      <div class="filters">
        <Choice
          label="Status"
          value={state ?? ""}
          options={[["", "All"], ["active", "Active"], ["paused", "Paused"]]}
          onChange={(value) => changeQuery(location, { status: value, cursor: undefined })}
        />
        <CsvButton
          name="clients"
          ask={(cursor) => api.billing(listClients, whole(asked, cursor))}
        />
      </div>
      <Loaded answer={answer} rows={8}>
        {({ data, next_cursor }) => (
          <>
            <Table
              label="Clients"
              none="No client yet."
              rows={data}
              keyOf={({ id }) => id}
              columns={COLUMNS}
            />
            <Pager location={location} next={next_cursor} />
          </>
        )}
      </Loaded>
    </>
  );
}

const COLUMNS: readonly Column<z.infer<typeof Client>>[] = [
  {
    title: "Client",
    cell: ({ id, name }) => (
      <a href={hrefOf(["clients", id])}>
        <bdi>{name}</bdi>
      </a>
    ),
  },
  {
    title: "External id",
    cell: ({ external_id }) => external_id,
    isMinor: true,
    isWhole: true,
  },
  { title: "Status", cell: (client) => <Status state={client.status} /> },
  { title: "Email", cell: ({ email }) => email, isMinor: true },
  { title: "Time zone", cell: ({ time_zone }) => time_zone, isMinor: true },
  {
    title: "Served since",
    cell: ({ started_on }) => day(started_on),
    isMinor: true,
    isWhole: true,
  },
];
