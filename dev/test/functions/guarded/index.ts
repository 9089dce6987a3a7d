import { withSupabase } from "@supabase/server";

/** Tells a test whom a function takes a caller for. Never deployed. */
export default {
  fetch: withSupabase({ auth: ["user", "secret:cron"] }, async (_request, context) => {
    const { data, error } = await context.supabase.from("clients").select("name").limit(1);
    return Response.json({
      mode: context.authMode,
      user: context.userClaims?.id ?? null,
      rows: error === null ? data.length : error.code,
    });
  }),
};
