import type { CallResult } from "../../../../shared/client/billing-client.ts";
import { type ActOf, known, refused } from "../../acts/act.tsx";
import {
  type Change,
  changesOf,
  fieldOf,
  type Part,
  sentence,
  type Settings,
} from "./change-settings.ts";

/** Changes the settings of a part: what is entered is compared with what holds, and shown. */
export function changeOf(
  part: Part,
  settings: Settings,
  hasSecondFactor: boolean,
  update: (body: Change) => Promise<CallResult<unknown>>,
): ActOf<unknown> {
  return {
    name: "Edit",
    title: part.title,
    fields: part.settings.map((setting) => fieldOf(setting, settings)),
    preview: (values) => {
      const { changed, problem } = changesOf(
        part,
        settings,
        values,
        hasSecondFactor,
      );
      if (problem !== null) return refused(problem);
      if (changed.length === 0) return refused("nothing is changed yet");
      return known(
        <>
          <p>Issued invoices keep what they were issued with.</p>
          <ul class="changes">
            {changed.map(([name, before, after]) => (
              <li key={name}>
                <span class="muted">{sentence(name)}</span> {before} → <strong>{after}</strong>
              </li>
            ))}
          </ul>
        </>,
      );
    },
    run: (values) =>
      update(
        changesOf(
          part,
          settings,
          values,
          hasSecondFactor,
        ).body,
      ),
  };
}
