const TONES: Readonly<Record<string, string>> = {
  paid: "good",
  active: "good",
  fine: "good",
  ok: "good",
  done: "good",
  accepted: "good",
  usable: "good",
  open: "info",
  running: "info",
  dead: "bad",
  overdue: "bad",
  broken: "bad",
  uncollectible: "bad",
  attention: "warn",
  late: "warn",
  draft: "warn",
  paused: "warn",
  skipped: "warn",
};

/** A state as a word with a colour; the word alone says it. */
export function Status({ state }: { readonly state: string }) {
  return <span class={`status tone-${TONES[state] ?? "plain"}`}>{state}</span>;
}
