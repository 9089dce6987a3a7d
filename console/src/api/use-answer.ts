import { useEffect, useState } from "preact/hooks";
import type { CallResult } from "../../../shared/client/billing-client.ts";
import { type Problem, problem } from "../../../shared/errors.ts";

/** What came of a question so far. Data stays while it is asked again, so figures do not flicker. */
export interface Answer<Data> {
  readonly data: Data | null;
  readonly error: Problem | null;
  readonly isLoading: boolean;
}

const NOT_YET = { data: null, error: null, isLoading: true } as const;
/** Milliseconds until figures that move are asked for again, and the longest that doubling makes. */
const FIRST_WAIT = 30_000;
const LONGEST_WAIT = 480_000;

/** Told after each act: what is shown may be another answer now. */
const changes = new EventTarget();

/** Says that an act has changed something: all answers that are shown are asked for again. */
export function answersChanged(): void {
  changes.dispatchEvent(new Event("change"));
}

/**
 * Asks once for each `key`, and again after each act: it names the question, so another key is another question. With
 * `refresh` it is asked again while the page is looked at, after a wait that doubles each time the
 * answer is the same or does not come.
 */
export function useAnswer<Data>(
  key: string,
  ask: () => Promise<CallResult<Data>>,
  refresh = false,
): Answer<Data> {
  const [state, setState] = useState<{ key: string; answer: Answer<Data> }>({
    key,
    answer: NOT_YET,
  });
  useEffect(() => {
    let isOver = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let wait = FIRST_WAIT;
    let last = "";
    let runs = 0;
    const show = (answer: Answer<Data>) => {
      if (!isOver) setState({ key, answer });
    };
    const run = async () => {
      const mine = ++runs;
      if (globalThis.document.visibilityState === "visible" || last === "") {
        const { data, error } = await settled(ask);
        // A newer run, after an act, has the newer answer and goes on instead.
        if (mine !== runs) return;
        const text = JSON.stringify(data);
        if (error !== null && last !== "") wait = Math.min(wait * 2, LONGEST_WAIT);
        else {
          wait = text === last ? Math.min(wait * 2, LONGEST_WAIT) : FIRST_WAIT;
          last = text;
          show({ data, error, isLoading: false });
        }
      }
      if (refresh && !isOver) timer = setTimeout(run, wait);
    };
    const again = () => {
      clearTimeout(timer);
      void run();
    };
    changes.addEventListener("change", again);
    void run();
    return () => {
      isOver = true;
      clearTimeout(timer);
      changes.removeEventListener("change", again);
    };
  }, [key]);
  return state.key === key ? state.answer : NOT_YET;
}

/** An answer that is not what the route promises becomes a problem too, never a blank page. */
async function settled<Data>(ask: () => Promise<CallResult<Data>>): Promise<CallResult<Data>> {
  try {
    return await ask();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { data: null, error: problem("unreachable", reason.slice(0, 300)) };
  }
}
