import { z } from "zod";
import type { Connection } from "./connection.ts";
import type { Auth } from "./auth.ts";
import type { Key } from "../words/english.ts";

/** A factor that is being set up: what an authenticator app needs. */
export interface NewFactor {
  readonly id: string;
  /** The code to scan, as an address of an image. */
  readonly image: string;
  /** The same as text, to type in. */
  readonly secret: string;
}

/** What a request to Auth brought: a value, or what to tell the user. */
export type Told<Value> =
  | { readonly value: Value; readonly problem: null }
  | { readonly value: null; readonly problem: Key };

/** The second factor of the signed-in user: codes of an authenticator app. */
export interface SecondFactor {
  /** The factor that the user has verified; an empty text where there is none. */
  find(): Promise<Told<string>>;
  enroll(): Promise<Told<NewFactor>>;
  /** Null where the code is right: the session is then one with a second factor. */
  verify(factorId: string, code: string): Promise<Key | null>;
}

const User = z.object({
  factors: z.array(z.object({ id: z.string(), status: z.string(), factor_type: z.string() }))
    .nullish(),
});
const Enrolled = z.object({
  id: z.string(),
  totp: z.object({ qr_code: z.string(), secret: z.string() }),
});
const Challenge = z.object({ id: z.string() });

/** Talks to Supabase Auth's factors with the session's token. */
export function secondFactorOn({ url, publishableKey }: Connection, auth: Auth): SecondFactor {
  const ask = async (method: "GET" | "POST", path: string, body?: object) => {
    const token = await auth.token();
    return await fetch(`${url}/auth/v1/${path}`, {
      method,
      headers: {
        apikey: publishableKey,
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
      },
      ...body === undefined ? {} : { body: JSON.stringify(body) },
    }).catch(() => null);
  };
  const read = async <Schema extends z.ZodType>(
    answer: Response | null,
    schema: Schema,
    refused: Key,
  ): Promise<Told<z.output<Schema>>> => {
    if (answer === null) return { value: null, problem: "away" };
    if (answer.status === 429) {
      return { value: null, problem: "tooManyAttempts" };
    }
    const parsed = schema.safeParse(await answer.json().catch(() => null));
    return answer.ok && parsed.success
      ? { value: parsed.data, problem: null }
      : { value: null, problem: refused };
  };
  return {
    find: async () => {
      const user = await read(await ask("GET", "user"), User, "factorAccount");
      if (user.problem !== null) return user;
      const verified = user.value.factors?.find(({ status, factor_type }) =>
        status === "verified" && factor_type === "totp"
      );
      return { value: verified?.id ?? "", problem: null };
    },
    enroll: async () => {
      const friendly_name = `LeverEdge Billing ${new Date().toISOString()}`;
      const made = await read(
        await ask("POST", "factors", { factor_type: "totp", friendly_name, issuer: "LeverEdge" }),
        Enrolled,
        "factorOff",
      );
      if (made.problem !== null) return made;
      const { id, totp: { qr_code, secret } } = made.value;
      const image = qr_code.startsWith("data:")
        ? qr_code
        : `data:image/svg+xml;utf-8,${encodeURIComponent(qr_code)}`;
      return { value: { id, image, secret }, problem: null };
    },
    verify: async (factorId, code) => {
      const path = `factors/${encodeURIComponent(factorId)}`;
      const challenge = await read(
        await ask("POST", `${path}/challenge`, {}),
        Challenge,
        "factorOff",
      );
      if (challenge.problem !== null) return challenge.problem;
      const session = await read(
        await ask("POST", `${path}/verify`, { challenge_id: challenge.value.id, code }),
        z.unknown(),
        "factorWrong",
      );
      if (session.problem !== null) return session.problem;
      return auth.adopt(session.value) ? null : "noSession";
    },
  };
}
