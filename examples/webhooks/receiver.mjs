/**
 * Receives webhook events, verifies them and prints them; needs Node 20 or newer and nothing else.
 *
 *   WEBHOOK_SECRET=whsec_… PORT=3000 node receiver.mjs
 *
 * The secret is that of GET /user/webhook-secret. The signature is that of Standard Webhooks: an HMAC-SHA256 over
 * "<webhook-id>.<webhook-timestamp>.<body>". Answer 2xx only once the event is safely stored: any other response is retried.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const { WEBHOOK_SECRET = "", PORT = "3000" } = process.env;
const key = Buffer.from(WEBHOOK_SECRET.replace(/^whsec_/, ""), "base64");
/** An older event may be a recording that somebody sends again. */
const TOLERANCE_SECONDS = 300;
/** The same event may arrive twice, always with the same id. A real receiver keeps these in its database. */
const seen = new Set();

const isSigned = ({ headers }, body) => {
  const { "webhook-id": id, "webhook-timestamp": time, "webhook-signature": signatures = "" } = headers;
  if (Math.abs(Date.now() / 1000 - Number(time)) > TOLERANCE_SECONDS) return false;
  const expected = createHmac("sha256", key).update(`${id}.${time}.`).update(body).digest();
  return signatures.split(" ").some((entry) => {
    const [version, text = ""] = entry.split(",");
    const given = Buffer.from(text, "base64");
    return version === "v1" && given.length === expected.length && timingSafeEqual(given, expected);
  });
};

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  if (!isSigned(request, body)) return response.writeHead(401).end();
  const id = request.headers["webhook-id"];
  if (!seen.has(id)) {
    seen.add(id);
    console.log(body.toString());
  }
  response.writeHead(204).end();
});
server.listen(Number(PORT), "127.0.0.1", () => console.error(`listening on port ${server.address().port}`));
