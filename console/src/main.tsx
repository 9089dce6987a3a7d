import { render } from "preact";
import { z } from "zod";
import { readConnection } from "./session/connection.ts";
import { authOn } from "./session/auth.ts";
import { App } from "./shell/app.tsx";
import { applyTheme, storedTheme } from "./shell/theme.tsx";

// zod writes faster parsers as code where it may; the page's policy lets nobody.
z.config({ jitless: true });
applyTheme(storedTheme());
const root = document.getElementById("console");
if (root === null) throw new Error("the page has no place for the console");
try {
  const connection = await readConnection();
  render(<App connection={connection} auth={authOn(connection)} />, root);
} catch {
  render(
    <main class="sign-in">
      <p class="note note-bad" role="alert">
        This console is not set up: config.json beside it names no project.
      </p>
    </main>,
    root,
  );
}
