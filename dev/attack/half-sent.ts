import { setTimeout } from "node:timers/promises";

const PATHS = ["ingest-usage", "stripe-webhook", "billing/clients", "render-invoice"];
const encoder = new TextEncoder();

/**
 * Keeps so many connections open that announce a body and send one byte of it, until `isOver`.
 * Each is given up after some seconds and opened anew.
 */
export async function sendHalves(
  api: string,
  headers: Readonly<Record<string, string>>,
  atOnce: number,
  isOver: () => boolean,
): Promise<number> {
  const { hostname, port } = new URL(api);
  let opened = 0;
  const one = async (index: number) => {
    while (!isOver()) {
      const path = PATHS[opened++ % PATHS.length];
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
      const connection = await Deno.connect({ hostname, port: Number(port) });
      try {
        await connection.write(encoder.encode([
          `POST /functions/v1/${path} HTTP/1.1`,
          `host: ${hostname}`,
          "content-type: application/json",
          `stripe-signature: t=${Math.floor(Date.now() / 1000)},v1=${"0".repeat(64)}`,
          `x-forwarded-for: 198.51.100.${index}`,
          ...lines,
          "content-length: 100000",
          "",
          "[",
        ].join("\r\n")));
        for (let waited = 0; waited < 20 && !isOver(); waited++) await setTimeout(250);
      } catch {
        // The server may hang up first.
      } finally {
        connection.close();
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, (_, index) => one(index)));
  return opened;
}
