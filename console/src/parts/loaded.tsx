import type { ComponentChildren } from "preact";
import type { Answer } from "../api/use-answer.ts";
import { ProblemNote } from "../acts/problem-note.tsx";
import { useWords } from "../words/words.ts";

/** Shows an answer when it is there, what went wrong where it is not coming, bars until then. */
export function Loaded<Data>({ answer, children, rows = 3, title }: {
  readonly answer: Answer<Data>;
  readonly children: (data: Data) => ComponentChildren;
  readonly rows?: number;
  /** Of a whole page, whose heading is in what has not come. */
  readonly title?: string;
}) {
  if (answer.error !== null) {
    return (
      <>
        {title === undefined ? null : <h1>{title}</h1>}
        <ProblemNote problem={answer.error} />
      </>
    );
  }
  if (answer.data === null) return <Bars rows={rows} />;
  return <>{children(answer.data)}</>;
}

function Bars({ rows }: { readonly rows: number }) {
  const { say } = useWords();
  return (
    <div class="bars" role="status" aria-label={say("loading")}>
      {Array.from({ length: rows }, (_, index) => <div key={index} class="bar" />)}
    </div>
  );
}
