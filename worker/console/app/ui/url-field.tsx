import { Labelled } from "./field.tsx";

interface UrlFieldProps {
  readonly label: string;
  readonly help?: string;
  readonly problem?: string | undefined;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

/** The address of what is to be fetched. */
export function UrlField({ value, onChange, ...labelled }: UrlFieldProps) {
  return (
    <Labelled {...labelled} isWide>
      {(ids) => (
        <input
          {...ids}
          type="url"
          name="url"
          required
          placeholder="https://"
          value={value}
          onInput={(event) => onChange(event.currentTarget.value)}
        />
      )}
    </Labelled>
  );
}
