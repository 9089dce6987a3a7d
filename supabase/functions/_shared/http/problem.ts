import type { Problem } from "../../../../shared/errors.ts";

/** Ends the work on a request with a problem; a transaction is rolled back. */
export class ProblemError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail ?? problem.title);
  }
}
