import { startSwift } from "../support/swift.ts";
import { s3Subject } from "./s3-subject.ts";
import { conformance } from "./storage-suite.ts";

conformance(
  "OpenStack Swift",
  s3Subject(startSwift, {
    causes: { secret: /^SignatureDoesNotMatch \(403\)/, bucket: /^NoSuchBucket \(404\)/ },
    // Swift appends the upload to the key of each part
    longestKey: 950,
    namesFiles: true,
    listsUploads: true,
    copies: "never",
  }),
);
