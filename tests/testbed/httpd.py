#!/usr/bin/env python3
"""httpd.py DIR [ADDRESS:]PORT [RATE]: serves DIR over HTTP, ranges included, for the import tests and the demo.

RATE limits each answer to so many bytes a second, so that progress can be seen. A query changes an answer:
  ?rate=N     its own rate          ?cut=N     the connection breaks after N bytes
  ?status=N   that status instead   ?hang=N    N seconds of silence before the first byte of the body
  ?endless=1  in chunks, over and over, no ranges    ?escape=N  a redirect: 1 to a file of the host, 2 to ftp, 3 to itself
  ?changing=1 another file with each answer          ?drip=1    a byte now and then behind the headers
  ?bare=1     neither ETag nor Last-Modified            ?wire=N     all that ask so share N bytes a second
  ?more=N     the length says that N bytes more come ?headers=N  N KiB of headers more
  ?plain=1    all of it, whatever is asked for       ?whole=1    that, but for what begins at 0
Every request is a line on stdout.
"""
import email.utils, os, sys, threading, time, urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Wire:
    """One network for several answers."""

    SLACK = 0.02  # seconds: a sleep that was too long is made up for, idle time is not

    def __init__(self):
        self.lock, self.free = threading.Lock(), 0

    def carry(self, count, rate):
        with self.lock:
            self.free = max(self.free, time.monotonic() - self.SLACK) + count / rate
            until = self.free
        time.sleep(max(0, until - time.monotonic()))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.answer(True)

    def answer(self, with_body):
        url = urllib.parse.urlsplit(self.path)
        query = {k: int(v[0]) for k, v in urllib.parse.parse_qs(url.query).items()}
        name = os.path.normpath("/" + urllib.parse.unquote(url.path)).lstrip("/")
        try:
            body = open(os.path.join(ROOT, name), "rb")
            info = os.fstat(body.fileno())
        except OSError:
            query["status"] = 404
        if "escape" in query:
            query["status"] = 302
        if "status" in query:
            self.send_response(query["status"])
            self.send_header("Location", {2: "ftp://127.0.0.1/etc/passwd", 3: self.path}.get(query.get("escape"), "file:///etc/passwd"))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if "endless" in query or "drip" in query:
            self.abuse(body, "drip" in query)
            return
        first, last = self.range(info.st_size)
        ranged = self.headers.get("Range") and not query.get("plain") and not (query.get("whole") and first > 0)
        if not ranged:
            first, last = 0, info.st_size - 1
        self.send_response(206 if ranged else 200)
        for i in range(query.get("headers", 0)):
            self.send_header(f"X-{i}", "x" * 1024)
        if ranged:
            self.send_header("Content-Range", f"bytes {first}-{last}/{info.st_size}")
        self.send_header("Accept-Ranges", "bytes")
        if not query.get("bare"):
            self.send_header("ETag", f'"{info.st_mtime_ns:x}-{time.monotonic_ns() if "changing" in query else info.st_size:x}"')
            self.send_header("Last-Modified", email.utils.formatdate(info.st_mtime, usegmt=True))
        self.send_header("Content-Length", str(last - first + 1 + query.get("more", 0)))
        self.end_headers()
        self.close_connection = self.close_connection or "more" in query
        if with_body:
            time.sleep(query.get("hang", 0))
            body.seek(first)
            self.copy(body, last - first + 1, query.get("rate", RATE), query.get("cut"), query.get("wire"))

    def abuse(self, body, drips):
        self.close_connection = True
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            while True:
                data = b"x" if drips else body.read(1 << 18) or (body.seek(0), body.read(1 << 18))[1]
                self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
                time.sleep(0.2 if drips else 0)
        except OSError:
            pass

    def range(self, size):
        spec = self.headers.get("Range", "bytes=0-").removeprefix("bytes=")
        first, last = spec.split("-")
        return int(first), min(int(last) if last else size - 1, size - 1)

    def copy(self, body, count, rate, cut, wire):
        if not rate and not cut and not wire:  # as fast as it goes
            self.wfile.flush()
            self.connection.sendfile(body, body.tell(), count)
            return
        start, sent = time.monotonic(), 0
        while sent < count:
            data = body.read(min(1 << 16, count - sent, cut - sent if cut else count))
            if not data:
                self.close_connection = True
                return
            if wire:
                WIRE.carry(len(data), wire)
            self.wfile.write(data)
            sent += len(data)
            if rate:
                time.sleep(max(0, start + sent / rate - time.monotonic()))

    def log_message(self, form, *args):
        print(time.strftime("%H:%M:%S"), form % args, self.headers.get("Range", "") if hasattr(self, "headers") else "", flush=True)


ROOT, WIRE = sys.argv[1], Wire()
ADDRESS, _, PORT = sys.argv[2].rpartition(":")
RATE = int(sys.argv[3]) if len(sys.argv) > 3 else 0
server = ThreadingHTTPServer((ADDRESS or "0.0.0.0", int(PORT)), Handler)
server.daemon_threads = True
print("serving", ROOT, "on", server.server_address, flush=True)
server.serve_forever()
