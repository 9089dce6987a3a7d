/** Says that a list goes on where not all of it is shown. */
export function Cut({ shown, isWhole }: { readonly shown: number; readonly isWhole: boolean }) {
  return isWhole ? null : <p class="muted">The first {shown} are shown.</p>;
}
