import type { z } from "zod";
import type { resolveQuarantine } from "../../../shared/api/operations.ts";
import { money, quantity } from "../format/figures.ts";

/** What a dry run has rated: charges of open periods before and after. */
export function Effect({ answer }: {
  readonly answer: z.output<typeof resolveQuarantine.answer>;
}) {
  const { effects = [], remaining, dismissed } = answer;
  const rows = remaining.reduce((sum, { rows }) => sum + rows, 0);
  return (
    <>
      {dismissed === undefined
        ? null
        : <p>{quantity(String(dismissed))} log rows are not billed, now or later.</p>}
      {effects.length === 0
        ? <p>Charges of open periods, minimum included, stay as they are.</p>
        : (
          <>
            <p>Charges of open periods, minimum included, before discount and tax:</p>
            <ul class="list">
              {effects.slice(0, 10).map((effect) => (
                <li key={`${effect.client_id} ${effect.currency}`}>
                  <span>
                    <bdi>{effect.client}</bdi>: {money(effect.before_minor, effect.currency)} →{" "}
                    <strong>{money(effect.after_minor, effect.currency)}</strong>
                  </span>
                </li>
              ))}
              {effects.length > 10 ? <li>and {effects.length - 10} more clients</li> : null}
            </ul>
          </>
        )}
      <p class="muted">{quantity(String(rows))} log rows would be left in quarantine.</p>
    </>
  );
}
