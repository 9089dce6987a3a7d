const TONES: Readonly<Record<string, string>> = {
  paid: "good",
  active: "good",
  fine: "good",
  ok: "good",
  open: "info",
  overdue: "bad",
  broken: "bad",
  uncollectible: "bad",
  attention: "warn",
  late: "warn",
  draft: "warn",
  paused: "warn",
};

/** A state as a word with a colour; the word alone says it. */
export function Status({ state }: { readonly state: string }) {
  return <span class={`status tone-${TONES[state] ?? "plain"}`}>{state}</span>;
}
