import { z } from "zod";
import type { Route } from "../../../../shared/api/route.ts";
import { type ErrorDetail, errorDetails, problem } from "../../../../shared/errors.ts";
import { ProblemError } from "../http/problem.ts";
import { withIds } from "./names.ts";
import type { Piece } from "./pieces.ts";
import type { Session } from "./session.ts";

/** A parsed request: what an endpoint's work is given. */
export interface Input<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
}

/** What came over the wire, not yet checked. */
export type RawInput = Input<unknown, unknown, unknown>;

/** A route with its work; parsing stands between the two. */
export interface Endpoint {
  readonly route: Route;
  /**
   * Throws a `ProblemError` for input that the route's schemas refuse. Text that is no JSON comes
   * as `{ text }`.
   */
  check(raw: RawInput): (session: Session) => Promise<object>;
}

/**
 * Binds work to a route: the work gets what the route's schemas made of the request, with ids where
 * the request has external ids of clients or numbers of invoices.
 */
export function endpoint<
  Params extends z.ZodType,
  Query extends z.ZodType,
  Body extends z.ZodType,
  Answer extends z.ZodType<object | string>,
>(
  route: Route<Params, Query, Body, Answer>,
  work: (
    session: Session,
    input: Input<z.output<Params>, z.output<Query>, z.output<Body>>,
  ) => Promise<unknown>,
): Endpoint {
  return bound(route, async (session, input): Promise<object> => {
    // Answers are checked too: what the document promises is what is sent.
    const answer = route.answer.parse(await work(session, input));
    return typeof answer === "string" ? { text: answer } : answer;
  });
}

/** As `endpoint`, for a text that is sent piece by piece and never held as a whole. */
export function textEndpoint<Params extends z.ZodType, Query extends z.ZodType>(
  route: Route<Params, Query>,
  work: (
    session: Session,
    input: Omit<Input<z.output<Params>, z.output<Query>, unknown>, "body">,
  ) => Promise<Piece>,
): Endpoint {
  return bound(route, work);
}

function bound<Params extends z.ZodType, Query extends z.ZodType, Body extends z.ZodType>(
  route: Route<Params, Query, Body>,
  work: (
    session: Session,
    input: Input<z.output<Params>, z.output<Query>, z.output<Body>>,
  ) => Promise<object>,
): Endpoint {
  return {
    route,
    check: (raw) => {
      const input = parseInput(route, raw);
      return async (session) => {
        const named = await inputWithIds(session, raw);
        return await work(session, named === raw ? input : parseInput(route, named));
      };
    },
  };
}

/** The same request where it names nothing but ids. */
async function inputWithIds(session: Session, raw: RawInput): Promise<RawInput> {
  const params = await withIds(session, raw.params);
  const query = await withIds(session, raw.query);
  const body = await withIds(session, raw.body);
  const isSame = params === raw.params && query === raw.query && body === raw.body;
  return isSame ? raw : { params, query, body };
}

function parseInput<Params extends z.ZodType, Query extends z.ZodType, Body extends z.ZodType>(
  route: Route<Params, Query, Body>,
  raw: RawInput,
): Input<z.output<Params>, z.output<Query>, z.output<Body>> {
  const params = route.params.safeParse(raw.params);
  const query = route.query.safeParse(raw.query);
  const body = route.body.safeParse(raw.body);
  if (params.success && query.success && body.success) {
    return { params: params.data, query: query.data, body: body.data };
  }
  throw new ProblemError(problem("bad_request", undefined, [
    ...located("path", params),
    ...located("query", query),
    ...located("", body),
  ]));
}

/** Pointers into the body are plain; those of path and query begin with `path` and `query`. */
function located(place: string, result: z.ZodSafeParseResult<unknown>): ErrorDetail[] {
  if (result.success) return [];
  return errorDetails(result.error.issues).map(({ pointer, detail }) => ({
    pointer: place === "" ? pointer : `${place}${pointer}`,
    detail,
  }));
}
