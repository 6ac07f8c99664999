"""The two servers of the benches, each as a program of its own:

    servers.py origin FOLDER CAPPED SHAPED    media with ranges; `/capped/…` limits each connection, `/shaped/…` all together
    servers.py s3 - - SHAPED                  takes uploads and keeps nothing but their sizes; bucket `shaped` reads slowly

The rates are bytes per second. In production neither end shares a machine with the processor, so both take as little of it
as they can: files go to the socket inside the kernel, and uploads are read into one piece of memory again and again.
The port is told in the first line of standard output; the end of standard input ends the program.
"""
import email.utils
import http.server
import os
import re
import sys
import threading
import time
import urllib.parse

READ_BYTES = 1 << 20
SEND_BYTES = 256 << 10
SHORTEST_WAIT = 0.004
TYPES = {'.mp4': 'video/mp4', '.m4a': 'audio/mp4', '.m4s': 'video/iso.segment', '.ts': 'video/mp2t',
         '.m3u8': 'application/vnd.apple.mpegurl', '.mpd': 'application/dash+xml'}

PROGRAM, FOLDER, CAPPED, SHAPED = sys.argv[1:]


class Pace:
    """A line of so many bytes per second, shared by all who use it. What was not used in the past is not made up for."""

    def __init__(self, rate):
        self.rate = float(rate)
        self.free_at = time.monotonic()
        self.lock = threading.Lock()

    def wait(self, size):
        with self.lock:
            now = time.monotonic()
            self.free_at = max(self.free_at, now - SHORTEST_WAIT) + size / self.rate
            debt = self.free_at - now
        if debt >= SHORTEST_WAIT:
            time.sleep(debt)


shaped = Pace(SHAPED)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def answer(self, status, headers=(), body=b''):
        """The whole answer by one write."""
        lines = [f'HTTP/1.1 {status} -', f'date: {email.utils.formatdate(usegmt=True)}']
        lines += [f'{name}: {value}' for name, value in headers]
        if not any(name == 'content-length' for name, _value in headers):
            lines.append(f'content-length: {len(body)}')
        self.connection.sendall('\r\n'.join([*lines, '', '']).encode() + body)


class Origin(Handler):
    pace = None

    def setup(self):
        super().setup()
        self.pace = Pace(CAPPED)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        _empty, line, *rest = urllib.parse.unquote(self.path.split('?')[0]).split('/')
        path = os.path.join(FOLDER, os.path.normpath('/' + '/'.join(rest)).lstrip('/'))
        if not os.path.isfile(path):
            self.answer(404)
            return
        with open(path, 'rb') as file:
            facts = os.fstat(file.fileno())
            asked = re.fullmatch(r'bytes=(\d+)-(\d*)', self.headers.get('range') or '')
            start = int(asked[1]) if asked else 0
            end = min(facts.st_size, int(asked[2]) + 1) if asked and asked[2] else facts.st_size
            headers = [('accept-ranges', 'bytes'), ('content-length', end - start),
                       ('content-type', TYPES.get(os.path.splitext(path)[1], 'application/octet-stream')),
                       ('etag', f'"{facts.st_size}-{facts.st_mtime_ns}"')]
            if asked:
                headers.append(('content-range', f'bytes {start}-{end - 1}/{facts.st_size}'))
            self.answer(206 if asked else 200, headers)
            if self.command == 'GET':
                self.send_file(file, start, end, {'capped': self.pace, 'shaped': shaped}.get(line))

    def send_file(self, file, start, end, pace):
        while start < end:
            sent = os.sendfile(self.connection.fileno(), file.fileno(), start, min(SEND_BYTES, end - start))
            if sent == 0:
                break
            start += sent
            if pace:
                pace.wait(sent)


class S3(Handler):
    """The part of S3 that uploads use. It checks nothing."""
    lock = threading.Lock()
    uploads, objects = {}, {}
    count = 0

    def setup(self):
        super().setup()
        self.memory = memoryview(bytearray(READ_BYTES))

    def swallow(self, pace):
        size = left = int(self.headers.get('content-length') or 0)
        while left > 0:
            read = self.rfile.readinto1(self.memory[:min(READ_BYTES, left)])
            if not read:
                raise ConnectionError('the body is cut off')
            left -= read
            if pace:
                pace.wait(read)
        return size

    def handle_any(self):
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query, keep_blank_values=True)
        size = self.swallow(shaped if url.path.startswith('/shaped/') else None)
        upload = query.get('uploadId', [None])[0]
        with self.lock:
            S3.count += 1
            headers, body, status = [('etag', f'"{S3.count:032x}"')], b'', 200
            if self.command == 'POST' and 'uploads' in query:
                upload = f'upload-{S3.count}'
                self.uploads[upload] = 0
                body = f'<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>'.encode()
            elif self.command == 'POST' and upload:
                self.objects[url.path] = self.uploads.pop(upload, 0)
                body = (b'<CompleteMultipartUploadResult><Location>l</Location><Key>k</Key><ETag>e</ETag>'
                        b'</CompleteMultipartUploadResult>')
            elif self.command == 'PUT' and upload:
                self.uploads[upload] = self.uploads.get(upload, 0) + size
            elif self.command == 'PUT':
                self.objects[url.path] = size
            elif self.command == 'HEAD':
                status = 200 if url.path in self.objects else 404
                headers += [('x-size', self.objects.get(url.path, 0))]
            else:
                status, headers = 204, []
        if body:
            headers.append(('content-type', 'application/xml'))
        self.answer(status, headers, body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """A client that went away is no event."""


server = Server(('127.0.0.1', 0), {'origin': Origin, 's3': S3}[PROGRAM])
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
os._exit(0)
