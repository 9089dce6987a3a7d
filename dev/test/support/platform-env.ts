import { z } from "zod";

const schema = z.object({
  PLATFORM_ENGINE: z.enum(["embedded", "debian"]),
  PLATFORM_API_URL: z.url(),
  PLATFORM_DATABASE_URL: z.string(),
  PLATFORM_DATABASE_ADMIN_URL: z.string(),
  PLATFORM_MAIL_URL: z.url(),
  PLATFORM_SMTP_URL: z.string(),
  PLATFORM_PUBLISHABLE_KEY: z.string(),
  PLATFORM_SECRET_KEY: z.string(),
});
const env = schema.parse(Deno.env.toObject());

/** The platform that `npm test` started for these tests. They share it: use names of your own. */
export const platform = {
  engine: env.PLATFORM_ENGINE,
  apiUrl: env.PLATFORM_API_URL,
  databaseUrl: env.PLATFORM_DATABASE_URL,
  databaseAdminUrl: env.PLATFORM_DATABASE_ADMIN_URL,
  mailUrl: env.PLATFORM_MAIL_URL,
  smtpUrl: env.PLATFORM_SMTP_URL,
  publishableKey: env.PLATFORM_PUBLISHABLE_KEY,
  secretKey: env.PLATFORM_SECRET_KEY,
};
