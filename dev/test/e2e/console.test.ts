// Journeys through the console in a real browser, against the platform's own API.
import "./console/looking.ts";
import "./console/acting.ts";
import "./console/accessible.ts";
import { closeAll } from "../support/console-visit.ts";

Deno.test("everything is closed", { sanitizeOps: false, sanitizeResources: false }, closeAll);
