import { z } from "zod";
import { problem } from "../../../shared/errors.ts";
import { sha256Of } from "../../../shared/sha256.ts";
import type { Authenticate } from "../_shared/http/authenticate.ts";
import { clientAddress } from "../_shared/http/client-address.ts";
import { concurrencyLimit } from "../_shared/http/concurrency-limit.ts";
import { ProblemError } from "../_shared/http/problem.ts";
import { currentLimits } from "../_shared/http/request-limits.ts";

/** A valid key as `billing.find_agent_key` gives it. */
export const FoundKey = z.object({ id: z.uuid(), agent: z.string().nullable() });
export type FoundKey = z.infer<typeof FoundKey>;

/** What recognizing keys needs from outside. */
export interface AgentKeyPorts {
  /** Any other caller. */
  readonly otherwise: Authenticate;
  /** The valid key whose token has this SHA-256; null for none. */
  readonly find: (hash: string) => Promise<FoundKey | null>;
  /** Milliseconds since some start. */
  readonly now: () => number;
}

/** Milliseconds for which a key is not looked up again; storing its events checks it each time. */
const KNOWN_FOR = 60_000;
const KNOWN_AT_MOST = 10_000;

/** Look-ups of tokens that are not known: few at once, so that made-up tokens leave the database free. */
const LOOK_UPS = { room: 2, waiting: 200, withinMs: 3000 };
const LOOK_UPS_EACH = { atOnce: 1, waiting: 32 };

/**
 * Recognizes agents by keys of their own (`lea_…`, as bearer or `apikey`). A token that is mistyped
 * is refused by its checksum; one that is unknown is looked up only while its address has answers
 * left. Unknown, expired and revoked tokens are all nobody's.
 */
export function withAgentKeys({ otherwise, find, now }: AgentKeyPorts): Authenticate {
  const known = new Map<string, { readonly key: FoundKey; readonly until: number }>();
  const lookUps = concurrencyLimit(LOOK_UPS);
  const lookUp = async (hash: string, address: string | null): Promise<FoundKey | null> => {
    const remembered = known.get(hash);
    if (remembered !== undefined && remembered.until > now()) return remembered.key;
    if (currentLimits()?.isExhausted() === true) throw new ProblemError(problem("rate_limited"));
    const turn = await lookUps.acquire(1, { key: address ?? "unknown", ...LOOK_UPS_EACH });
    if ("refused" in turn) throw new ProblemError(problem("overloaded"));
    try {
      const key = await find(hash);
      if (known.size >= KNOWN_AT_MOST) known.clear();
      if (key === null) known.delete(hash);
      else known.set(hash, { key, until: now() + KNOWN_FOR });
      return key;
    } finally {
      turn.release();
    }
  };
  return async (request) => {
    const tokens = tokensOf(request.headers);
    const [token] = tokens;
    if (token === undefined) return await otherwise(request);
    if (tokens.size > 1 || !hasChecksum(token)) return null;
    const address = clientAddress(request.headers);
    const key = await lookUp(sha256Of(token), address);
    if (key === null) return null;
    return {
      actor: "agent",
      name: `agent-key:${key.id}`,
      claims: null,
      agentKey: { ...key, address },
    };
  };
}

/** Tokens of agents' keys in a request; with one, what else it carries counts for nothing. */
function tokensOf(headers: Headers): ReadonlySet<string> {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
  return new Set(
    [bearer, headers.get("apikey") ?? undefined].flatMap((one) =>
      one?.startsWith("lea_") ? [one] : []
    ),
  );
}

/** Whether a token is one that was given out, as far as can be told without asking. */
function hasChecksum(token: string): boolean {
  if (!/^lea_[0-9a-f]{56}$/.test(token)) return false;
  return sha256Of(token.slice(0, -8)).slice(0, 8) === token.slice(-8);
}
