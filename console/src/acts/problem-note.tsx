import type { Problem } from "../../../shared/errors.ts";

/** What went wrong, as the server says it. */
export function ProblemNote({ problem }: { readonly problem: Problem }) {
  return (
    <div class="note note-bad" role="alert">
      <strong>{problem.title}</strong>
      {problem.detail === undefined ? null : <p>{problem.detail}</p>}
    </div>
  );
}
