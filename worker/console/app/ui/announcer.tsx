import { createContext } from "preact";
import { useContext } from "preact/hooks";

/** Shows a short message at the edge of the page and reads it to screen readers. */
export const AnnounceContext = createContext<(message: string) => void>(() => {});

export const useAnnounce = (): ((message: string) => void) => useContext(AnnounceContext);
