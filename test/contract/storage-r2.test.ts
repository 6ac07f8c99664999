import { startS3 } from "../support/s3-server.ts";
import { s3Subject } from "./s3-subject.ts";
import { conformance } from "./storage-suite.ts";

conformance(
  "the embedded R2",
  s3Subject(startS3, {
    causes: { secret: /^SignatureDoesNotMatch \(403\)/, bucket: /^(NoSuchBucket|AccessDenied) \(40[34]\)/ },
    longestKey: 1024,
    namesFiles: false,
    listsUploads: false,
    copies: "parts",
  }),
);
