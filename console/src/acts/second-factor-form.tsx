import { useEffect, useState } from "preact/hooks";
import { useConsole } from "../api/context.ts";
import type { NewFactor } from "../session/second-factor.ts";
import type { Key } from "../words/english.ts";
import { useWords } from "../words/words.ts";

type State =
  | { readonly at: "looking" }
  | { readonly at: "none" }
  | { readonly at: "code"; readonly factorId: string; readonly made: NewFactor | null }
  | { readonly at: "away" };

/** Asks for the code of the user's second factor; where there is none it is set up first. */
export function SecondFactorForm({ onVerified, onClose }: {
  readonly onVerified: () => void;
  readonly onClose?: () => void;
}) {
  const { secondFactor } = useConsole();
  const { say } = useWords();
  const [state, setState] = useState<State>({ at: "looking" });
  const [code, setCode] = useState("");
  const [problem, setProblem] = useState<Key | null>(null);
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    void secondFactor.find().then(({ value, problem }) => {
      setProblem(problem);
      if (value === null) setState({ at: "away" });
      else setState(value === "" ? { at: "none" } : { at: "code", factorId: value, made: null });
    });
  }, [secondFactor]);
  const enroll = async () => {
    setBusy(true);
    const made = await secondFactor.enroll();
    setBusy(false);
    setProblem(made.problem);
    if (made.value !== null) setState({ at: "code", factorId: made.value.id, made: made.value });
  };
  const verify = async (factorId: string) => {
    setBusy(true);
    const said = await secondFactor.verify(factorId, code.replaceAll(/\s/g, ""));
    setBusy(false);
    setProblem(said);
    if (said === null) onVerified();
  };
  return (
    <form
      class="factor-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (isBusy) return;
        if (state.at === "none") void enroll();
        if (state.at === "code") void verify(state.factorId);
      }}
    >
      <Asked state={state} code={code} onCode={setCode} />
      {problem === null ? null : <p class="note note-bad" role="alert">{say(problem)}</p>}
      <div class="act-buttons">
        {onClose === undefined ? null : (
          <button class="button" type="button" onClick={onClose}>
            {say("cancel")}
          </button>
        )}
        {state.at === "none" || state.at === "code"
          ? (
            <button class="button button-main" type="submit" disabled={isBusy}>
              {say(isBusy ? "moment" : state.at === "none" ? "factorSetUp" : "factorVerify")}
            </button>
          )
          : null}
      </div>
    </form>
  );
}

function Asked({ state, code, onCode }: {
  readonly state: State;
  readonly code: string;
  readonly onCode: (code: string) => void;
}) {
  const { say } = useWords();
  if (state.at === "looking") {
    return <div class="bars" role="status" aria-label={say("loading")} />;
  }
  if (state.at === "away") return null;
  if (state.at === "none") {
    return <p>{say("factorNone")}</p>;
  }
  return (
    <>
      {state.made === null ? null : (
        <div class="factor">
          <img src={state.made.image} alt={say("factorImage")} />
          <p>
            {say("factorScan")} <code>{state.made.secret}</code>
          </p>
        </div>
      )}
      <label class="field">
        <span>{say("factorCode")}</span>
        <input
          type="text"
          inputMode="numeric"
          autocomplete="one-time-code"
          pattern="[0-9 ]{6,10}"
          required
          value={code}
          onInput={(event) => onCode(event.currentTarget.value)}
        />
      </label>
    </>
  );
}
