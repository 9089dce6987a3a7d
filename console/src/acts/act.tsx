import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { CallResult } from "../../../shared/client/billing-client.ts";
import { type Problem, problem } from "../../../shared/errors.ts";
import { answersChanged } from "../api/use-answer.ts";
import { ProblemNote } from "./problem-note.tsx";
import { type Field, firstValues, type Values } from "./fields.ts";
import { SecondFactorForm } from "./second-factor-form.tsx";
import { useWords } from "../words/words.ts";

/** Something that a user does: asked for, shown with its effect, confirmed, and only then done. */
export interface ActOf<Done> {
  readonly name: string;
  readonly title: string;
  readonly fields?: readonly Field[];
  readonly look?: "main" | "bad";
  /** What it will do. An act whose effect is not known cannot be confirmed. */
  readonly preview: (values: Values) => Promise<CallResult<ComponentChildren>>;
  /** Does it; the key makes a second confirmation the same one. */
  readonly run: (values: Values, idempotencyKey: string) => Promise<CallResult<Done>>;
  /** What to say when it is done; else the dialog closes. */
  readonly done?: (result: Done) => ComponentChildren;
}

type Step =
  | { readonly at: "asked"; readonly problem?: Problem }
  | { readonly at: "previewed"; readonly effect: ComponentChildren; readonly key: string }
  | { readonly at: "done"; readonly result: ComponentChildren };

/** A button that opens the dialog of an act. */
export function Act<Done>({ act }: { readonly act: ActOf<Done> }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button class={buttonClass(act.look)} type="button" onClick={() => setOpen(true)}>
        {act.name}
      </button>
      {isOpen ? <ActDialog act={act} onClose={() => setOpen(false)} /> : null}
    </>
  );
}

/** Where an act stands, and the ways from there. */
function useSteps<Done>(act: ActOf<Done>, values: Values, close: () => void) {
  const [step, setStep] = useState<Step>({ at: "asked" });
  const [isBusy, setBusy] = useState(false);
  const during = async (work: () => Promise<Step>) => {
    setBusy(true);
    setStep(await work().catch(broken));
    setBusy(false);
  };
  const preview = () =>
    during(async () => {
      const { data, error } = await act.preview(values);
      return error === null
        ? { at: "previewed", effect: data, key: crypto.randomUUID() }
        : { at: "asked", problem: error };
    });
  const confirm = (key: string) =>
    during(async () => {
      const { data, error } = await act.run(values, key);
      if (error !== null) return { at: "asked", problem: error };
      answersChanged();
      if (act.done === undefined) close();
      return { at: "done", result: act.done?.(data) };
    });
  return { step, setStep, isBusy, preview, confirm };
}

function ActDialog<Done>({ act, onClose }: {
  readonly act: ActOf<Done>;
  readonly onClose: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const { say } = useWords();
  const heading = useId();
  const fields = act.fields ?? [];
  const [values, setValues] = useState(() => firstValues(fields));
  const close = () => dialog.current?.close();
  const { step, setStep, isBusy, preview, confirm } = useSteps(act, values, close);
  useEffect(() => {
    dialog.current?.showModal();
    if (fields.length === 0) void preview();
  }, []);
  const needsFactor = step.at === "asked" && step.problem?.code === "second_factor_required";
  const goOn = () => {
    setStep({ at: "asked" });
    if (fields.length === 0) void preview();
  };
  return (
    <dialog ref={dialog} class="act" aria-labelledby={heading} onClose={onClose}>
      <h2 id={heading}>{needsFactor ? say("factorNeeded") : act.title}</h2>
      {needsFactor
        ? (
          <>
            <p>{say("factorText", { act: act.title })}</p>
            <SecondFactorForm onVerified={goOn} onClose={close} />
          </>
        )
        : (
          <form
            onSubmit={(event) => {
              event.preventDefault();
              if (isBusy || step.at === "done") return;
              void (step.at === "previewed" ? confirm(step.key) : preview());
            }}
          >
            <Fields
              fields={fields}
              values={values}
              isFixed={step.at !== "asked" || isBusy}
              onChange={setValues}
            />
            <Shown step={step} />
            <Buttons
              act={act}
              step={step}
              isBusy={isBusy}
              onBack={() => setStep({ at: "asked" })}
              onClose={close}
            />
          </form>
        )}
    </dialog>
  );
}

function Shown({ step }: { readonly step: Step }) {
  if (step.at === "previewed") {
    return <div class="note act-effect" role="status">{step.effect}</div>;
  }
  if (step.at === "done") return <div class="note note-good" role="status">{step.result}</div>;
  return step.problem === undefined ? null : <ProblemNote problem={step.problem} />;
}

function Buttons<Done>({ act, step, isBusy, onBack, onClose }: {
  readonly act: ActOf<Done>;
  readonly step: Step;
  readonly isBusy: boolean;
  readonly onBack: () => void;
  readonly onClose: () => void;
}) {
  const { say } = useWords();
  const hasFields = (act.fields ?? []).length > 0;
  return (
    <div class="act-buttons">
      <button class="button" type="button" onClick={onClose}>
        {say(step.at === "done" ? "close" : "cancel")}
      </button>
      {step.at === "previewed" && hasFields
        ? (
          <button class="button" type="button" disabled={isBusy} onClick={onBack}>
            {say("change")}
          </button>
        )
        : null}
      {step.at === "done" || step.at === "asked" && !hasFields ? null : (
        <button
          class={step.at === "asked" ? buttonClass("main") : buttonClass(act.look ?? "main")}
          type="submit"
          disabled={isBusy}
        >
          {isBusy
            ? say("moment")
            : step.at === "asked"
            ? say("preview")
            : say("confirm", { act: act.name })}
        </button>
      )}
    </div>
  );
}

function Fields({ fields, values, isFixed, onChange }: {
  readonly fields: readonly Field[];
  readonly values: Values;
  readonly isFixed: boolean;
  readonly onChange: (values: Values) => void;
}) {
  return (
    <>
      {fields.map((field) => (
        <label key={field.name} class="field">
          <span>{field.label}</span>
          <Input
            field={field}
            value={values[field.name] ?? ""}
            isFixed={isFixed}
            onChange={(value) => onChange({ ...values, [field.name]: value })}
          />
          {field.hint === undefined ? null : <small class="muted">{field.hint}</small>}
        </label>
      ))}
    </>
  );
}

function Input({ field: { name, kind, required = false, options }, value, isFixed, onChange }: {
  readonly field: Field;
  readonly value: string;
  readonly isFixed: boolean;
  readonly onChange: (value: string) => void;
}) {
  const common = { name, value, disabled: isFixed };
  if (options !== undefined) {
    return (
      <select {...common} onChange={(event) => onChange(event.currentTarget.value)}>
        {options.map(([option, text]) => <option key={option} value={option}>{text}</option>)}
      </select>
    );
  }
  const text = {
    ...common,
    required,
    onInput: (event: { readonly currentTarget: HTMLInputElement }) =>
      onChange(event.currentTarget.value),
  };
  if (kind === "long") {
    return (
      <textarea
        {...common}
        required={required}
        rows={3}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
    );
  }
  if (kind === "date") return <input type="date" {...text} />;
  if (kind === "month") return <input type="month" {...text} />;
  if (kind === "email") return <input type="email" {...text} />;
  return <input type="text" {...text} onBlur={() => onChange(value.trim())} />;
}

function buttonClass(look: "main" | "bad" | undefined): string {
  return look === undefined ? "button" : `button button-${look}`;
}

/** An answer that is not what the route promises: whether it was done is not known. */
function broken(error: unknown): Step {
  const reason = error instanceof Error ? error.message : String(error);
  return { at: "asked", problem: problem("unreachable", reason.slice(0, 300)) };
}

/** A preview that needs nothing from the server. */
export function known(effect: ComponentChildren): Promise<CallResult<ComponentChildren>> {
  return Promise.resolve({ data: effect, error: null });
}

/** A preview that says why the act cannot be done like that. */
export function refused(detail: string): Promise<CallResult<ComponentChildren>> {
  return Promise.resolve({ data: null, error: problem("bad_request", detail) });
}
