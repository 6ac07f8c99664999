import { type FaultOptions, SourceFault } from "../../fault.ts";

/**
 * The operator's proxy itself failed: it does not answer, or refuses to serve this service. The source was not asked, so
 * another exit may be served. The detail never holds the proxy's credentials.
 */
export class ExitError extends SourceFault {
  constructor(detail: string, options?: FaultOptions) {
    super("network", `upstream proxy: ${detail}`, options);
  }
}
