import type { Session } from "../../_shared/api/session.ts";

/**
 * Does something, and takes it back: the answer is that of the act. Checks that wait for the commit
 * are made here: a preview is refused where the act would be.
 */
export async function takenBack<Answer extends object>(
  session: Session,
  act: (inside: Session) => Promise<Answer>,
): Promise<Answer> {
  const box: { answer?: Answer } = {};
  const over = new Error("taken back");
  try {
    await session.sql.savepoint(async (sql) => {
      box.answer = await act({ ...session, sql });
      await sql`set constraints all immediate`;
      throw over;
    });
  } catch (error) {
    if (error !== over) throw error;
  }
  if (box.answer === undefined) throw new Error("a dry run has ended without being taken back");
  return box.answer;
}
