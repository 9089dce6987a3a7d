import { useWords } from "../words/words.ts";

/** Says that a list goes on where not all of it is shown. */
export function Cut({ shown, isWhole }: { readonly shown: number; readonly isWhole: boolean }) {
  const { say } = useWords();
  return isWhole ? null : <p class="muted">{say("firstShown", { count: String(shown) })}</p>;
}
