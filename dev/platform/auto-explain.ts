import type { Sql } from "postgres";
import { z } from "zod";

/** A node of a plan, as `auto_explain` writes it. */
export interface PlanNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string | undefined;
  readonly "Index Name"?: string | undefined;
  readonly "Conflict Arbiter Indexes"?: readonly string[] | undefined;
  readonly "Total Cost": number;
  readonly "Actual Rows"?: number | undefined;
  readonly "Actual Loops"?: number | undefined;
  readonly "Rows Removed by Filter"?: number | undefined;
  readonly "Rows Removed by Join Filter"?: number | undefined;
  readonly "Temp Written Blocks"?: number | undefined;
  readonly "Shared Hit Blocks"?: number | undefined;
  readonly "Shared Read Blocks"?: number | undefined;
  readonly Plans?: readonly PlanNode[] | undefined;
}

const PlanNode: z.ZodType<PlanNode> = z.lazy(() =>
  z.object({
    "Node Type": z.string(),
    "Relation Name": z.string().optional(),
    "Index Name": z.string().optional(),
    "Conflict Arbiter Indexes": z.array(z.string()).optional(),
    "Total Cost": z.number(),
    "Actual Rows": z.number().optional(),
    "Actual Loops": z.number().optional(),
    "Rows Removed by Filter": z.number().optional(),
    "Rows Removed by Join Filter": z.number().optional(),
    "Temp Written Blocks": z.number().optional(),
    "Shared Hit Blocks": z.number().optional(),
    "Shared Read Blocks": z.number().optional(),
    Plans: z.array(PlanNode).optional(),
  })
);
const Explained = z.object({
  "Query Text": z.string(),
  Settings: z.record(z.string(), z.string()).optional(),
  Plan: PlanNode,
});

/** A statement that ran: its text, its plan, and the planner's settings that are not the usual. */
export interface Statement {
  readonly text: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly plan: PlanNode;
}

/**
 * From now on the session of a superuser is sent the plan of each statement, also of those inside
 * functions, as a notice; with `analyze` what each node has done too.
 */
export async function explainAll(sql: Sql, analyze: boolean): Promise<void> {
  await sql`load 'auto_explain'`;
  await sql`
    select set_config('auto_explain.' || name, setting, false)
    from (values ('log_min_duration', '0'), ('log_format', 'json'), ('log_nested_statements', 'on'),
      ('log_level', 'notice'), ('log_analyze', ${analyze ? "on" : "off"}), ('log_timing', 'off'),
      ('log_buffers', ${analyze ? "on" : "off"}), ('log_settings', 'on'), ('log_triggers', 'off')
    ) s(name, setting)`;
}

/** The plan that a notice tells of; null where it tells of something else. */
export function planIn(message: unknown): PlanNode | null {
  return statementIn(message)?.plan ?? null;
}

/** The statement that a notice tells of, with its plan; null where it tells of something else. */
export function statementIn(message: unknown): Statement | null {
  const json = String(message).match(/plan:\s*(\{[\s\S]*\})\s*$/)?.[1];
  if (json === undefined) return null;
  const { "Query Text": text, Settings: settings, Plan: plan } = Explained.parse(JSON.parse(json));
  return { text, settings: settings ?? {}, plan };
}
