import type { ComponentChildren } from "preact";

/** Names with their values; rows without a value are left out. */
export const Facts = ({ rows }: { readonly rows: readonly (readonly [string, ComponentChildren])[] }) => {
  const known = rows.filter(
    ([, value]) => value !== null && value !== undefined && value !== "" && value !== "–",
  );
  if (known.length === 0) return null;
  return (
    <dl class="facts">
      {known.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
};
