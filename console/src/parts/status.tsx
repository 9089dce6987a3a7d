import { isKey, useWords } from "../words/words.ts";

const TONES: Readonly<Record<string, string>> = {
  paid: "good",
  active: "good",
  fine: "good",
  ok: "good",
  done: "good",
  accepted: "good",
  usable: "good",
  granted: "good",
  succeeded: "good",
  taken: "good",
  open: "info",
  invoiced: "info",
  running: "info",
  dead: "bad",
  failed: "bad",
  overdue: "bad",
  broken: "bad",
  uncollectible: "bad",
  attention: "warn",
  late: "warn",
  draft: "warn",
  pending: "warn",
  wanted: "warn",
  paused: "warn",
  skipped: "warn",
};

/** A state as a word with a colour; the word alone says it. */
export function Status({ state }: { readonly state: string }) {
  const { say } = useWords();
  const key = `state_${state}`;
  return (
    <span class={`status tone-${TONES[state] ?? "plain"}`}>{isKey(key) ? say(key) : state}</span>
  );
}
