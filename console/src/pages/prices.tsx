import { listPrices } from "../../../shared/api/terms.ts";
import { Act } from "../acts/act.tsx";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { TextFilter } from "../parts/choice.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { PriceTable } from "../parts/price-table.tsx";
import { Pager } from "../parts/table.tsx";
import { changeQuery } from "../routing/use-location.ts";
import type { PageProps } from "./page-props.ts";
import { addPrice } from "./client/add-price.tsx";
import { CsvButton, whole } from "../parts/csv-button.tsx";

/** The default list of prices. Clients with prices of their own have them on their page. */
export default function Prices({ location }: PageProps) {
  const { api } = useConsole();
  const { cursor, metric } = location.query;
  const answer = useAnswer(
    `prices ${metric} ${cursor}`,
    () =>
      api.billing(listPrices, {
        query: {
          limit: 25,
          ...metric === undefined ? {} : { metric },
          ...cursor === undefined ? {} : { cursor },
        },
      }),
  );
  return (
    <>
      <div class="title-row">
        <h1>Prices</h1>
        <Act act={addPrice(api, null)} />
      </div>
      <p class="muted">The default list: for clients without a price of their own.</p>
      <div class="filters">
        <TextFilter
          label="Metric"
          value={metric ?? ""}
          placeholder="input_tokens"
          onChange={(value) => changeQuery(location, { metric: value, cursor: undefined })}
        />
        <CsvButton
          name="prices"
          ask={(next) =>
            api.billing(listPrices, whole(metric === undefined ? {} : { metric }, next))}
        />
      </div>
      <Loaded answer={answer} rows={8}>
        {({ data, next_cursor }) => (
          <>
            <PriceTable prices={data} none="No price is like that." />
            <Pager location={location} next={next_cursor} />
          </>
        )}
      </Loaded>
    </>
  );
}
