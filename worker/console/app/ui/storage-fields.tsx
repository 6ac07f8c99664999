import type { Provider } from "../../../../schema/api/storage.ts";
import { type Entered, fieldsOf } from "../lib/request-fields.ts";
import { STORAGE_SCHEMAS } from "../lib/storage-schemas.ts";
import { useTexts } from "../texts/texts.ts";
import { Labelled, RequestField } from "./field.tsx";

/** The fields of each provider, from its schema. */
export const STORAGE_FIELDS = {
  s3: fieldsOf(STORAGE_SCHEMAS.s3.shape),
  blob: fieldsOf(STORAGE_SCHEMAS.blob.shape),
  gcs: fieldsOf(STORAGE_SCHEMAS.gcs.shape),
  oss: fieldsOf(STORAGE_SCHEMAS.oss.shape),
  gdrive: fieldsOf(STORAGE_SCHEMAS.gdrive.shape),
} as const;

interface StorageFieldsProps {
  /** The providers to choose from. */
  readonly providers: readonly Provider[];
  readonly provider: Provider;
  readonly entered: Entered;
  readonly problems: Readonly<Record<string, string>>;
  readonly onProvider: (provider: Provider) => void;
  readonly onChange: (entered: Entered) => void;
}

/** The form of a storage: its provider, what the provider requires, and the rest behind a click. */
export function StorageFields(props: StorageFieldsProps) {
  const { providers, provider, entered, problems, onProvider, onChange } = props;
  const texts = useTexts();
  const fields = STORAGE_FIELDS[provider];
  const isMain = (name: string, isRequired: boolean) =>
    isRequired || name === "account_key" || name === "sas_token";
  const show = (chosen: typeof fields) =>
    chosen.map((field) => (
      <RequestField
        key={`${provider}.${field.name}`}
        field={field}
        value={entered[field.name]}
        problem={problems[field.name]}
        onChange={(value) => onChange({ ...entered, [field.name]: value })}
      />
    ));
  return (
    <>
      <div class="fields">
        <Labelled label={texts.fields.provider[0] ?? ""}>
          {(ids) => (
            <select
              {...ids}
              value={provider}
              onChange={(event) => onProvider(event.currentTarget.value as Provider)}
            >
              {providers.map((name) => (
                <option key={name} value={name}>
                  {(texts.providers as Readonly<Record<string, string>>)[name] ?? name}
                </option>
              ))}
            </select>
          )}
        </Labelled>
        {show(fields.filter(({ name, isRequired }) => isMain(name, isRequired)))}
      </div>
      <details class="plain">
        <summary>{texts.more}</summary>
        <div class="fields">{show(fields.filter(({ name, isRequired }) => !isMain(name, isRequired)))}</div>
      </details>
    </>
  );
}
