import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import type { Field } from "../lib/request-fields.ts";
import { useTexts } from "../texts/texts.ts";

interface LabelledProps {
  readonly label: string;
  readonly help?: string | undefined;
  readonly problem?: string | undefined;
  readonly isWide?: boolean;
  /** @param ids attributes that connect the control with its label, help and problem */
  readonly children: (ids: ControlIds) => ComponentChildren;
}

interface ControlIds {
  readonly id: string;
  readonly "aria-describedby"?: string;
  readonly "aria-invalid"?: "true";
}

/** A control with its label, an explanation, and what is wrong with its value. */
export function Labelled({ label, help, problem, isWide, children }: LabelledProps) {
  const id = useId();
  const described = [help && `${id}-help`, problem && `${id}-problem`].filter(Boolean).join(" ");
  return (
    <div class={`field ${isWide ? "wide" : ""}`}>
      <label for={id}>{label}</label>
      {children({
        id,
        ...(described !== "" && { "aria-describedby": described }),
        ...(problem && { "aria-invalid": "true" as const }),
      })}
      {help && (
        <p class="help" id={`${id}-help`}>
          {help}
        </p>
      )}
      {problem && (
        <p class="problem" id={`${id}-problem`}>
          {problem}
        </p>
      )}
    </div>
  );
}

interface TextFieldProps extends Omit<LabelledProps, "children"> {
  readonly value: string;
  readonly isRequired?: boolean;
  readonly onChange: (value: string) => void;
}

/** A line of text, which the browser does not complete. */
export function TextField({ value, isRequired = false, onChange, ...labels }: TextFieldProps) {
  return (
    <Labelled {...labels}>
      {(ids) => (
        <input
          {...ids}
          type="text"
          autocomplete="off"
          required={isRequired}
          value={value}
          onInput={(event) => onChange(event.currentTarget.value)}
        />
      )}
    </Labelled>
  );
}

interface FlagProps {
  readonly label: string;
  readonly help?: string | undefined;
  readonly isOn: boolean;
  readonly onChange: (isOn: boolean) => void;
  readonly problem?: string | undefined;
}

export function Flag({ label, help, isOn, onChange, problem }: FlagProps) {
  const id = useId();
  return (
    <div class="field flag">
      <input
        type="checkbox"
        id={id}
        checked={isOn}
        aria-describedby={help || problem ? `${id}-help` : undefined}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      <div>
        <label for={id}>{label}</label>
        {(help || problem) && (
          <p class={problem ? "problem" : "help"} id={`${id}-help`}>
            {problem ?? help}
          </p>
        )}
      </div>
    </div>
  );
}

interface RequestFieldProps {
  readonly field: Field;
  readonly value: string | boolean | undefined;
  readonly problem?: string | undefined;
  readonly onChange: (value: string | boolean) => void;
}

/** The control for a member of a request. Members that the texts do not know yet show what the schema says. */
export function RequestField({ field, value, problem, onChange }: RequestFieldProps) {
  const texts = useTexts();
  const { name, kind, choices, isRequired, isSecret, min, max, description } = field;
  const [label = name, help = description] =
    (texts.fields as Readonly<Record<string, readonly string[]>>)[name] ?? [];
  if (kind === "flag") {
    return <Flag label={label} help={help} problem={problem} isOn={value === true} onChange={onChange} />;
  }
  const shared = { name, required: isRequired, value: typeof value === "string" ? value : "" };
  const isLong = kind === "pairs" || name === "service_account_json";
  return (
    <Labelled label={label} help={help} problem={problem} isWide={isLong || /url|endpoint/.test(name)}>
      {(ids) => {
        if (kind === "choice") {
          return (
            <select {...ids} {...shared} onChange={(event) => onChange(event.currentTarget.value)}>
              {!isRequired && <option value="">{texts.create.standard}</option>}
              {choices.map((choice) => (
                <option key={choice} value={choice}>
                  {choice}
                </option>
              ))}
            </select>
          );
        }
        const entered = {
          ...ids,
          ...shared,
          spellcheck: false,
          autocomplete: "off",
          onInput: (event: { currentTarget: { value: string } }) => onChange(event.currentTarget.value),
        };
        if (isLong) return <textarea {...entered} rows={4} />;
        if (isSecret) return <input {...entered} type="password" />;
        if (kind === "integer") return <input {...entered} type="number" min={min} max={max} />;
        return <input {...entered} type="text" />;
      }}
    </Labelled>
  );
}
