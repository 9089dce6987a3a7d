import { bundleFunctions } from "../platform/bundle.ts";

// `npm run bundle`: writes out/deploy, a folder that `supabase functions deploy --workdir` takes.
for (const { name, bytes } of await bundleFunctions("out/deploy")) {
  console.log(`${name.padEnd(24)} ${(bytes / 1e6).toFixed(2)} MB`);
}
