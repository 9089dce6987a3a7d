import postgres from "postgres";

const sql = postgres(Deno.env.get("SUPABASE_DB_URL") ?? "", { max: 4, prepare: false });

// The least that a webhook could cost: no signature, one insert.
export default {
  fetch: async (request: Request) => {
    const body = await request.text();
    await sql`insert into public.bench_events (payload) values (${body}::text::jsonb)`;
    return Response.json({ received: true });
  },
};
