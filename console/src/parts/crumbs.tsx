/** The way back: pages above this one. */
export function Crumbs(
  { to }: { readonly to: readonly (readonly [href: string, name: string])[] },
) {
  return (
    <p class="crumbs">
      {to.map(([href, name]) => (
        <a key={href} href={href}>
          <bdi>{name}</bdi>
        </a>
      ))}
    </p>
  );
}
