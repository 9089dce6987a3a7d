import { getSettings, updateSettings } from "../../../shared/api/settings.ts";
import { Act } from "../acts/act.tsx";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { Card, Facts } from "../parts/card.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { hrefOf } from "../routing/location.ts";
import { hasSecondFactor } from "../session/session.ts";
import { changeOf } from "./settings/change-act.tsx";
import { PARTS, sentence, type Settings } from "./settings/change-settings.ts";

/** The seller as printed on invoices, and the defaults of the installation. */
export default function SettingsPage() {
  const { api, session } = useConsole();
  const answer = useAnswer("settings", () => api.billing(getSettings, {}));
  const isSecond = hasSecondFactor(session);
  return (
    <>
      <div class="title-row">
        <h1>Settings</h1>
        <a href={hrefOf(["second-factor"])}>
          {isSecond ? "This session has a second factor" : "Your second factor"}
        </a>
      </div>
      <Loaded answer={answer} rows={8}>
        {(settings) => (
          <div class="cards">
            {PARTS.map((part) => (
              <Card
                key={part.title}
                title={part.title}
                aside={
                  <Act
                    act={changeOf(
                      part,
                      settings,
                      isSecond,
                      (body) => api.billing(updateSettings, { body }),
                    )}
                  />
                }
              >
                <Facts
                  facts={part.settings.map(({ name }) => [sentence(name), shown(settings, name)])}
                />
              </Card>
            ))}
          </div>
        )}
      </Loaded>
    </>
  );
}

function shown(settings: Settings, name: keyof Settings): string {
  const value = settings[name];
  if (value === null || value === "") return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.length === 0 ? "–" : value.join(", ");
  return String(value);
}
