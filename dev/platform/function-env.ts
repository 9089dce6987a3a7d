import { jwks, platformKeys } from "./keys.ts";

/** Variables a function gets on the hosted service, with this platform's addresses and keys. */
export function hostedEnv(apiUrl: string, databaseUrl: string): Record<string, string> {
  return {
    SUPABASE_URL: apiUrl,
    SUPABASE_DB_URL: databaseUrl,
    SUPABASE_PUBLISHABLE_KEYS: JSON.stringify({ default: platformKeys.publishable }),
    SUPABASE_SECRET_KEYS: JSON.stringify({
      default: platformKeys.secret,
      cron: platformKeys.cronSecret,
      agent: platformKeys.agentSecret,
    }),
    SUPABASE_ANON_KEY: platformKeys.anonJwt,
    SUPABASE_SERVICE_ROLE_KEY: platformKeys.serviceRoleJwt,
    SUPABASE_JWKS: jwks(),
    SB_REGION: "local",
  };
}
