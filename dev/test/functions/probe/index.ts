/** Tells a test what a function sees. Never deployed. */
export default {
  fetch: async (request: Request): Promise<Response> => {
    const { pathname, searchParams } = new URL(request.url);
    if (searchParams.has("html")) {
      return new Response("<p>hi</p>", { headers: { "content-type": "text/html; charset=utf-8" } });
    }
    return Response.json({
      path: pathname,
      body: await request.text(),
      env: Object.keys(Deno.env.toObject()).sort(),
      canRun: (await Deno.permissions.query({ name: "run" })).state === "granted",
    });
  },
};
