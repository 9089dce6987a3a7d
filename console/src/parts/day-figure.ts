/** A figure of a day. It is drawn, so a float will do; exact amounts stand in the text beside it. */
export interface DayFigure {
  readonly day: string;
  readonly value: number;
}
