import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { goTo, useRoute } from "./lib/route.ts";
import {
  type Credentials,
  openSession,
  SessionContext,
  storeCredentials,
  storedCredentials,
} from "./lib/session.ts";
import { pageOf } from "./pages/page-of.tsx";
import { SignIn } from "./pages/sign-in.tsx";
import { Shell } from "./shell.tsx";
import { type Language, LanguageContext, preferredLanguage } from "./texts/texts.ts";
import { AnnounceContext } from "./ui/announcer.tsx";

const MESSAGE_MS = 6_000;
const LANGUAGE_AT = "waterspout.language";

export function App() {
  const [credentials, setCredentials] = useState<Credentials>(storedCredentials);
  const [reason, setReason] = useState<"expired" | "signedOut" | null>(null);
  const [language, setLanguage] = useState<Language>(() =>
    preferredLanguage([localStorage.getItem(LANGUAGE_AT) ?? "", ...navigator.languages]),
  );
  const route = useRoute();
  const { message, announce } = useMessage();
  const isSignedIn = credentials.apiKey !== undefined || credentials.adminToken !== undefined;

  const leave = useCallback((why: "expired" | "signedOut") => {
    storeCredentials(null);
    setCredentials({});
    setReason(why);
  }, []);
  const session = useMemo(() => openSession(credentials, () => leave("expired")), [credentials, leave]);
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);

  const signIn = (accepted: Credentials, isKept: boolean) => {
    if (isKept) storeCredentials(accepted);
    setReason(null);
    setCredentials(accepted);
    if (accepted.apiKey === undefined && route.path[0] !== "operator") goTo("#/operator/health");
  };
  const chooseLanguage = (chosen: Language) => {
    localStorage.setItem(LANGUAGE_AT, chosen);
    setLanguage(chosen);
  };

  return (
    <LanguageContext.Provider value={language}>
      <AnnounceContext.Provider value={announce}>
        <SessionContext.Provider value={session}>
          <Shell
            path={route.path}
            isSignedIn={isSignedIn}
            onSignOut={() => leave("signedOut")}
            language={language}
            onLanguage={chooseLanguage}
          >
            {isSignedIn ? pageOf(route, session) : <SignIn reason={reason} onSignIn={signIn} />}
          </Shell>
          <div class="message" role="status" aria-live="polite">
            {message !== "" && <p>{message}</p>}
          </div>
        </SessionContext.Provider>
      </AnnounceContext.Provider>
    </LanguageContext.Provider>
  );
}

/** A message that goes away after a while. */
function useMessage() {
  const [message, setMessage] = useState("");
  const timer = useRef(0);
  const announce = useCallback((text: string) => {
    clearTimeout(timer.current);
    setMessage(text);
    timer.current = setTimeout(() => setMessage(""), MESSAGE_MS) as unknown as number;
  }, []);
  return { message, announce };
}
