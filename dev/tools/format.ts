import { repositoryRoot } from "../platform/repository.ts";

// `npm run format`: writes every file as `npm run check` wants it.
const { code } = await new Deno.Command(Deno.execPath(), { args: ["fmt"], cwd: repositoryRoot })
  .output();
Deno.exit(code);
