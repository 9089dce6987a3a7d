import type { z } from "zod";
import type { UsageEvent } from "../api/events.ts";

/** One model call, as the logger takes it: id and time are filled in. */
export type LoggedCall = z.input<typeof UsageEvent>;
