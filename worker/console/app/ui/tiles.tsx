interface TilesProps {
  readonly label: string;
  /** Name, value, and a remark. */
  readonly tiles: readonly (readonly [string, string, string?])[];
}

/** Figures next to each other. */
export const Tiles = ({ label, tiles }: TilesProps) => (
  <section aria-label={label} class="tiles-section">
    <h2>{label}</h2>
    <dl class="figures">
      {tiles.map(([name, value, remark]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            {value}
            {remark !== undefined && <small>{remark}</small>}
          </dd>
        </div>
      ))}
    </dl>
  </section>
);
