import { useState } from "preact/hooks";
import type { Account } from "../../../../../schema/api/account.ts";
import { goTo, href } from "../../lib/route.ts";
import { useSession } from "../../lib/session.ts";
import { useTexts } from "../../texts/texts.ts";
import { useAnnounce } from "../../ui/announcer.tsx";
import { ConfirmButton } from "../../ui/confirm.tsx";
import { Flag, TextField } from "../../ui/field.tsx";
import { Card } from "../../ui/page.tsx";

/** Erases an account, after its name was typed. */
export function EraseAccount({ account }: { readonly account: Account }) {
  const { rights: words } = useTexts();
  const { api } = useSession();
  const announce = useAnnounce();
  const [name, setName] = useState("");
  const [ownStorage, setOwnStorage] = useState(false);
  const [isWrong, setWrong] = useState(false);
  const erase = async () => {
    const isOther = name.trim() !== account.name;
    setWrong(isOther);
    if (isOther) throw new Error(`${words.eraseName}: ${words.eraseMismatch}`);
    await api.eraseAccount({
      params: { id: account.id },
      query: { own_storage: ownStorage ? "true" : "false" },
    });
    announce(words.eraseBegun);
    goTo(href("operator/rights"));
  };
  return (
    <Card title={words.erase}>
      <p class="fine">{words.eraseLead}</p>
      <div class="row">
        <ConfirmButton
          title={words.eraseTitle}
          lead={words.eraseLead}
          confirm={words.erase}
          dismiss={words.keep}
          isDangerous
          work={erase}
          fields={() => (
            <>
              <TextField
                label={words.eraseName}
                problem={isWrong ? words.eraseMismatch : undefined}
                value={name}
                onChange={setName}
              />
              <Flag label={words.ownStorage} isOn={ownStorage} onChange={setOwnStorage} />
            </>
          )}
        />
      </div>
    </Card>
  );
}
