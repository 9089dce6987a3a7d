/** One of a few values, by its name. */
export function Choice({ label, value, options, onChange }: {
  readonly label: string;
  readonly value: string;
  readonly options: readonly (readonly [value: string, name: string])[];
  readonly onChange: (value: string) => void;
}) {
  return (
    <label class="field">
      <span>{label}</span>
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {options.map(([option, name]) => <option key={option} value={option}>{name}</option>)}
      </select>
    </label>
  );
}

/** A text that takes effect when it is entered. */
export function TextFilter({ label, value, placeholder, onChange }: {
  readonly label: string;
  readonly value: string;
  readonly placeholder: string;
  readonly onChange: (value: string) => void;
}) {
  return (
    <label class="field">
      <span>{label}</span>
      <input
        type="search"
        value={value}
        placeholder={placeholder}
        onChange={(event) => onChange(event.currentTarget.value.trim())}
      />
    </label>
  );
}

interface DateFilterProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

/** A day, `2026-06-30`. */
export function DayFilter(props: DateFilterProps) {
  return <DateFilter {...props} type="date" />;
}

/** A month, `2026-06`, or none. */
export function MonthFilter(props: DateFilterProps) {
  return <DateFilter {...props} type="month" placeholder="2026-06" />;
}

function DateFilter({ label, onChange, ...input }: DateFilterProps & {
  readonly type: "date" | "month";
  readonly placeholder?: string;
}) {
  return (
    <label class="field">
      <span>{label}</span>
      <input {...input} onChange={(event) => onChange(event.currentTarget.value)} />
    </label>
  );
}
