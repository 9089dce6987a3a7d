import { type Connection } from "./connection.ts";
import { type Session, sessionOf, sessionOfLink, storedSession } from "./session.ts";
import type { Key } from "../words/english.ts";

/** Keeps the session of this tab. Closing the tab ends it: nothing is left on the machine. */
export interface Auth {
  current(): Session | null;
  /** Null where it worked, else what to tell the user. */
  signIn(email: string, password: string): Promise<Key | null>;
  /** Mails a link that signs in; null where it went out, else what to tell the user. */
  sendLink(email: string, mayBeNew: boolean): Promise<Key | null>;
  /** Takes the session that an answer of Auth opens in place of this one; false where it is none. */
  adopt(answer: unknown): boolean;
  signOut(): Promise<void>;
  /** A token that is good for a while; null where nobody is signed in any more. */
  token(): Promise<string | null>;
  onChange(listener: () => void): () => void;
}

const KEY = "leveredge-console-session";
/** Milliseconds before its end that a token is renewed. */
const EARLY = 60_000;

/** Talks to Supabase Auth: three requests, so its whole client is not loaded. */
export function authOn(connection: Connection): Auth {
  let session = storedSession(sessionStorage.getItem(KEY));
  const fromLink = session === null ? sessionOfLink(location.hash, Date.now()) : null;
  if (/[#&]access_token=/.test(location.hash)) history.replaceState(null, "", "#/");
  let renewal: Promise<void> | null = null;
  const listeners = new Set<() => void>();
  const keep = (next: Session | null) => {
    session = next;
    if (next === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, JSON.stringify(next));
    for (const listener of listeners) listener();
  };
  // A link signs in where nobody is, and never in place of somebody else.
  if (fromLink !== null) keep(fromLink);
  const ask = askOn(connection);
  const renew = async () => {
    const refresh_token = session?.refreshToken;
    const answer = await ask("token?grant_type=refresh_token", { refresh_token });
    // A server that is away says nothing about the session: it is kept and asked again.
    if (answer.ok) keep(sessionOf(await answer.json(), Date.now()));
    else if (answer.status < 500) keep(null);
  };
  return {
    current: () => session,
    signIn: async (email, password) => {
      const answer = await ask("token?grant_type=password", { email, password }).catch(() => null);
      if (answer === null) return "away";
      if (answer.status === 429) return "tooManyAttempts";
      if (!answer.ok) return "wrongPassword";
      const opened = sessionOf(await answer.json().catch(() => null), Date.now());
      if (opened === null) return "noSession";
      keep(opened);
      return null;
    },
    sendLink: async (email, mayBeNew) => {
      const back = encodeURIComponent(`${location.origin}${location.pathname}`);
      const answer = await ask(`otp?redirect_to=${back}`, { email, create_user: mayBeNew })
        .catch(() => null);
      if (answer === null) return "away";
      if (answer.status === 429) return "tooManyMails";
      // Whether there is such a user is not for everybody to know.
      return answer.ok || !mayBeNew && answer.status < 500 ? null : "mailNotSent";
    },
    adopt: (answer) => {
      const next = sessionOf(answer, Date.now());
      if (next !== null) keep(next);
      return next !== null;
    },
    signOut: async () => {
      const token = session?.accessToken;
      keep(null);
      if (token !== undefined) await ask("logout?scope=local", {}, token).catch(() => null);
    },
    token: async () => {
      if (session !== null && session.expiresAt - EARLY < Date.now()) {
        renewal ??= renew().finally(() => renewal = null);
        await renewal.catch(() => null);
      }
      return session?.accessToken ?? null;
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Posts to Auth, with the user's token where there is one. */
function askOn({ url, publishableKey }: Connection) {
  return (path: string, body: object, token?: string) =>
    fetch(`${url}/auth/v1/${path}`, {
      method: "POST",
      headers: {
        apikey: publishableKey,
        "content-type": "application/json",
        ...token === undefined ? {} : { authorization: `Bearer ${token}` },
      },
      body: JSON.stringify(body),
    });
}
