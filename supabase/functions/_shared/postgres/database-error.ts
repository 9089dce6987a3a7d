import { z } from "zod";

/**
 * An error of the database as the driver throws it. The driver's class is not at hand in functions
 * that have no connection of their own.
 */
export const DatabaseError = z.object({
  name: z.literal("PostgresError"),
  code: z.string(),
  message: z.string(),
  detail: z.string().optional(),
  hint: z.string().optional(),
  schema_name: z.string().optional(),
  table_name: z.string().optional(),
  constraint_name: z.string().optional(),
  routine: z.string().optional(),
});
