import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** A part of a page under a heading. */
export function Card({ title, aside, children, wide = false, takesFocus = false }: {
  readonly title: string;
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
  /** Whether it takes the whole row. */
  readonly wide?: boolean;
  /** Whether it is what the user has just asked for: it comes into sight and has the focus. */
  readonly takesFocus?: boolean;
}) {
  const section = useRef<HTMLElement>(null);
  useEffect(() => {
    if (!takesFocus) return;
    section.current?.focus({ preventScroll: true });
    section.current?.scrollIntoView({ block: "start" });
  }, [takesFocus]);
  return (
    <section
      ref={section}
      class={wide ? "card card-wide" : "card"}
      {...takesFocus ? { tabIndex: -1, "aria-label": title } : {}}
    >
      <header class="card-head">
        <h2>{title}</h2>
        {aside === undefined ? null : <div class="card-aside">{aside}</div>}
      </header>
      {children}
    </section>
  );
}

/** A figure that matters, with what it means below. */
export function Figure({ value, note, tone }: {
  readonly value: ComponentChildren;
  readonly note?: ComponentChildren;
  readonly tone?: "good" | "bad" | "warn";
}) {
  return (
    <div class="figure">
      <div class={tone === undefined ? "figure-value" : `figure-value tone-${tone}`}>{value}</div>
      {note === undefined ? null : <div class="figure-note">{note}</div>}
    </div>
  );
}

/** Names with their values. */
export function Facts({ facts }: {
  readonly facts: readonly (readonly [string, ComponentChildren])[];
}) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
