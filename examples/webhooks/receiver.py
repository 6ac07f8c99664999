"""Receives webhook events, verifies them and prints them; needs Python 3.9 or newer and nothing else.

    WEBHOOK_SECRET=whsec_… PORT=3000 python3 receiver.py

The secret is that of GET /user/webhook-secret. The signature is that of Standard Webhooks: an HMAC-SHA256 over
"<webhook-id>.<webhook-timestamp>.<body>". Answer 2xx only once the event is safely stored: any other response is retried.
"""

import base64
import hashlib
import hmac
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

KEY = base64.b64decode(os.environ.get("WEBHOOK_SECRET", "").removeprefix("whsec_"))
# An older event may be a recording that somebody sends again.
TOLERANCE_SECONDS = 300
# The same event may arrive twice, always with the same id. A real receiver keeps these in its database.
seen = set()


def is_signed(headers, body):
    event_id, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not sent.isdigit() or abs(time.time() - int(sent)) > TOLERANCE_SECONDS:
        return False
    digest = hmac.new(KEY, f"{event_id}.{sent}.".encode() + body, hashlib.sha256).digest()
    expected = "v1," + base64.b64encode(digest).decode()
    return any(hmac.compare_digest(expected, entry) for entry in headers.get("webhook-signature", "").split())


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if not is_signed(self.headers, body):
            return self.answer(401)
        event_id = self.headers["webhook-id"]
        if event_id not in seen:
            seen.add(event_id)
            print(body.decode(), flush=True)
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", int(os.environ.get("PORT", "3000"))), Receiver)
print(f"listening on port {server.server_port}", file=sys.stderr, flush=True)
server.serve_forever()
