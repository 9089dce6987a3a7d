import { NoAnswer, Refused } from "./attempt.ts";

export interface Question {
  readonly url: string;
  readonly key: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Statuses by which it may be refused. */
  readonly mayRefuse?: readonly number[];
}

/** Milliseconds: a worker of deliveries stops by itself after 25 s. */
const PATIENCE = 35_000;

/** POSTs and gives the JSON of the answer; null where there is none. */
export async function post(question: Question): Promise<unknown> {
  const { url, key, body, headers = {}, mayRefuse = [] } = question;
  let status: number;
  let text: string;
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { apikey: key, "content-type": "application/json", ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE),
    });
    status = response.status;
    text = await response.text();
  } catch (error) {
    throw new NoAnswer(error instanceof Error ? error.message : String(error));
  }
  const said = `${status} ${text.slice(0, 300)}`;
  if (status >= 500) throw new NoAnswer(said);
  if (mayRefuse.includes(status)) throw new Refused(said);
  if (status >= 300) throw new Error(said);
  return text === "" ? null : JSON.parse(text);
}
