import { INLINE_PROVIDERS, type Provider } from "../../../../../schema/api/storage.ts";
import type { Entered } from "../../lib/request-fields.ts";
import { useTexts } from "../../texts/texts.ts";
import { Flag, RequestField } from "../../ui/field.tsx";
import { StorageFields } from "../../ui/storage-fields.tsx";
import { OPTION_GROUPS } from "./option-groups.ts";

/** The storage of a job if it is not the account's. */
export interface EnteredStorage {
  readonly isOwn: boolean;
  readonly provider: Provider;
  readonly entered: Entered;
}

interface OptionsProps {
  readonly entered: Entered;
  readonly storage: EnteredStorage;
  readonly problems: Readonly<Record<string, string>>;
  readonly onChange: (entered: Entered) => void;
  readonly onStorage: (storage: EnteredStorage) => void;
}

/** Every option of a job, in groups that open on demand; a group with a problem is open. */
export function Options({ entered, storage, problems, onChange, onStorage }: OptionsProps) {
  const texts = useTexts();
  const isSet = (name: string) =>
    entered[name] !== undefined && entered[name] !== "" && entered[name] !== false;
  const storageProblems = Object.fromEntries(
    Object.entries(problems).flatMap(([path, text]) =>
      path.startsWith("storage.") ? [[path.slice("storage.".length), text]] : [],
    ),
  );
  return (
    <div class="groups">
      {OPTION_GROUPS.map(({ name, fields }) => {
        const set =
          fields.filter((field) => isSet(field.name)).length + (name === "file" && storage.isOwn ? 1 : 0);
        const hasProblem =
          fields.some((field) => problems[field.name] !== undefined) ||
          (name === "file" && Object.keys(problems).some((path) => path.startsWith("storage")));
        return (
          <details key={name} class="group" open={name === "output" || hasProblem}>
            <summary>
              <span>{texts.groups[name]}</span>
              {set > 0 && <span class="badge busy">{texts.create.set(set)}</span>}
            </summary>
            <div class="fields">
              {fields.map((field) => (
                <RequestField
                  key={field.name}
                  field={field}
                  value={entered[field.name]}
                  problem={problems[field.name]}
                  onChange={(value) => onChange({ ...entered, [field.name]: value })}
                />
              ))}
            </div>
            {name === "file" && (
              <fieldset class="own-storage">
                <Flag
                  label={texts.create.otherStorage}
                  problem={problems.storage}
                  isOn={storage.isOwn}
                  onChange={(isOwn) => onStorage({ ...storage, isOwn })}
                />
                {storage.isOwn && (
                  <StorageFields
                    providers={INLINE_PROVIDERS}
                    provider={storage.provider}
                    entered={storage.entered}
                    problems={storageProblems}
                    onProvider={(provider) => onStorage({ ...storage, provider })}
                    onChange={(changed) => onStorage({ ...storage, entered: changed })}
                  />
                )}
              </fieldset>
            )}
          </details>
        );
      })}
    </div>
  );
}
