import { z } from "zod";

/** The page's policy forbids code that is made at run time; this must be known before the first schema is used. */
z.config({ jitless: true });
