import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Session } from "../session/session.ts";
import type { SecondFactor } from "../session/second-factor.ts";
import type { Api } from "./api.ts";

/** What every page has: the project, and the session that asks it. */
export interface Console {
  readonly api: Api;
  readonly session: Session;
  readonly secondFactor: SecondFactor;
}

export const ConsoleContext = createContext<Console | null>(null);

export function useConsole(): Console {
  const value = useContext(ConsoleContext);
  if (value === null) throw new Error("a page stands outside the console");
  return value;
}
