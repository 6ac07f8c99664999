import { useState } from "preact/hooks";
import { WaterspoutError } from "../../../../schema/client.ts";
import { type Credentials, openSession } from "../lib/session.ts";
import { useAction } from "../lib/use-action.ts";
import { useTexts } from "../texts/texts.ts";
import { Alert, ErrorAlert } from "../ui/alert.tsx";
import { Flag, Labelled } from "../ui/field.tsx";

interface SignInProps {
  /** Why the person has to sign in again. */
  readonly reason: "expired" | "signedOut" | null;
  readonly onSignIn: (credentials: Credentials, isKept: boolean) => void;
}

export function SignIn({ reason, onSignIn }: SignInProps) {
  const texts = useTexts();
  const words = texts.signIn;
  const [apiKey, setApiKey] = useState("");
  const [adminToken, setAdminToken] = useState("");
  const [isOperator, setOperator] = useState(false);
  const [isKept, setKept] = useState(true);
  const [refusal, setRefusal] = useState<string | null>(null);

  const submit = useAction(async () => {
    setRefusal(null);
    const credentials: Credentials = {
      ...(apiKey.trim() !== "" && { apiKey: apiKey.trim() }),
      ...(isOperator && adminToken.trim() !== "" && { adminToken: adminToken.trim() }),
    };
    if (Object.keys(credentials).length === 0) return setRefusal(words.needOne);
    const { api } = openSession(credentials, () => {});
    if (credentials.apiKey && !(await isAccepted(api.getUsage()))) return setRefusal(words.refusedKey);
    if (credentials.adminToken && !(await isAccepted(api.listAccounts({ query: { limit: 1 } })))) {
      return setRefusal(words.refusedToken);
    }
    onSignIn(credentials, isKept);
  });

  return (
    <main class="sign-in" id="content">
      <form
        class="card"
        aria-labelledby="sign-in"
        onSubmit={(event) => {
          event.preventDefault();
          void submit.run();
        }}
      >
        <p class="brand">
          <img src="/ui/icon.svg" alt="" width="28" height="28" />
          {texts.product}
        </p>
        <h1 id="sign-in">{words.title}</h1>
        <p class="lead">{words.lead}</p>
        {reason && refusal === null && (
          <Alert tone={reason === "expired" ? "warn" : "info"}>{words[reason]}</Alert>
        )}
        {refusal !== null && <Alert tone="bad">{refusal}</Alert>}
        <ErrorAlert error={submit.error} />
        <Labelled label={words.apiKey} help={words.apiKeyHelp}>
          {(ids) => (
            <input
              {...ids}
              type="password"
              name="api-key"
              autocomplete="off"
              spellcheck={false}
              value={apiKey}
              onInput={(event) => setApiKey(event.currentTarget.value)}
            />
          )}
        </Labelled>
        <Flag label={words.asOperator} isOn={isOperator} onChange={setOperator} />
        {isOperator && (
          <Labelled label={words.adminToken} help={words.adminTokenHelp}>
            {(ids) => (
              <input
                {...ids}
                type="password"
                name="admin-token"
                autocomplete="off"
                spellcheck={false}
                value={adminToken}
                onInput={(event) => setAdminToken(event.currentTarget.value)}
              />
            )}
          </Labelled>
        )}
        <Flag label={words.remember} help={words.rememberHelp} isOn={isKept} onChange={setKept} />
        <button type="submit" class="primary" disabled={submit.isRunning}>
          {words.submit}
        </button>
      </form>
    </main>
  );
}

/** A key without the scope for the question is a valid key. */
async function isAccepted(question: Promise<unknown>): Promise<boolean> {
  try {
    await question;
    return true;
  } catch (error) {
    if (!(error instanceof WaterspoutError)) throw error;
    if (error.status === 401) return false;
    if (error.status === 403) return true;
    throw error;
  }
}
