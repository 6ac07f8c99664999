import { useState } from "preact/hooks";
import { DENIAL_REASONS, DENIED_KINDS } from "../../../../../schema/api/operator/denied.ts";
import { issuesOf } from "../../lib/error-text.ts";
import { useSession } from "../../lib/session.ts";
import { useAction } from "../../lib/use-action.ts";
import { useTexts } from "../../texts/texts.ts";
import { ErrorAlert } from "../../ui/alert.tsx";
import { useAnnounce } from "../../ui/announcer.tsx";
import { Flag, Labelled, TextField } from "../../ui/field.tsx";
import { Card } from "../../ui/page.tsx";

interface Form {
  readonly kind: (typeof DENIED_KINDS)[number];
  readonly value: string;
  readonly reason: (typeof DENIAL_REASONS)[number];
  readonly reference: string;
  readonly note: string;
  readonly takedown: boolean;
}
const NOTHING: Form = {
  kind: "url",
  value: "",
  reason: "copyright",
  reference: "",
  note: "",
  takedown: false,
};

export function NewDenial({ onSaved }: { readonly onSaved: () => void }) {
  const { rights: words } = useTexts();
  const { api } = useSession();
  const announce = useAnnounce();
  const [form, setForm] = useState(NOTHING);
  const save = useAction(async () => {
    const { kind, value, reason, reference, note, takedown } = form;
    const textOf = (text: string) => (text.trim() === "" ? null : text.trim());
    await api.createDenial({
      body: { ...{ kind, value, reason, takedown }, reference: textOf(reference), note: textOf(note) },
    });
    announce(words.added);
    setForm(NOTHING);
    onSaved();
  });
  const problems = issuesOf(save.error);
  const field = (name: "value" | "reference" | "note", help: string) => (
    <TextField
      label={words[name]}
      problem={problems[name]}
      help={help}
      isRequired={name === "value"}
      value={form[name]}
      onChange={(value) => setForm({ ...form, [name]: value })}
    />
  );
  return (
    <Card title={words.add}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void save.run();
        }}
      >
        <div class="fields">
          <Labelled label={words.kind}>
            {(ids) => (
              <select
                {...ids}
                value={form.kind}
                onChange={(event) => setForm({ ...form, kind: event.currentTarget.value as Form["kind"] })}
              >
                {DENIED_KINDS.map((kind) => (
                  <option key={kind} value={kind}>
                    {words.kinds[kind]}
                  </option>
                ))}
              </select>
            )}
          </Labelled>
          {field("value", words.valueHelp)}
          <Labelled label={words.reason}>
            {(ids) => (
              <select
                {...ids}
                value={form.reason}
                onChange={(event) =>
                  setForm({ ...form, reason: event.currentTarget.value as Form["reason"] })
                }
              >
                {DENIAL_REASONS.map((reason) => (
                  <option key={reason} value={reason}>
                    {words.reasons[reason]}
                  </option>
                ))}
              </select>
            )}
          </Labelled>
          {field("reference", words.referenceHelp)}
          {field("note", words.noteHelp)}
        </div>
        <Flag
          label={words.alsoTakedown}
          isOn={form.takedown}
          onChange={(takedown) => setForm({ ...form, takedown })}
        />
        <ErrorAlert error={save.error} />
        <div class="row">
          <button type="submit" class="danger" disabled={save.isRunning}>
            {words.add}
          </button>
        </div>
      </form>
    </Card>
  );
}
