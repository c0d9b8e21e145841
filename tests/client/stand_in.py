"""A service with one job that fails on request. It answers as service.routes does, as far as the client looks."""

import hashlib
import io
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np

JOB = "job-0000000000000001"


def npz_of(number, megabytes=0.1):
    """Return the file of a batch whose arrays hold its number. In files of odd numbers the arrays are not aligned."""
    f = io.BytesIO()
    afm = np.full((int(megabytes * 250_000),), number, np.float32)
    np.savez(f, afm=afm, structure=np.array([number, number]), desc_names=np.array(["bonds", "é"]))
    return f.getvalue()


class StandIn:
    """The service: `files` are the batches that are made, `failures` what happens to the next downloads, one each.

    A failure is an HTTP status, a number of bytes after which the connection breaks, "wrong" (a byte differs),
    "expired" (of a link) or None.
    """

    def __init__(self, total, delivery=None):
        self.total = total
        self.delivery = delivery
        self.files = {}
        self.failures = []
        self.requests = []  # (method, path with query, headers)
        self.state = "running"
        self.waits = True  # honour ?wait=, as a service does that is not shutting down
        self.events = []  # the text that each connection to /events gets
        self.links = False  # answer downloads with links
        self.acknowledged = set()
        self.changed = threading.Condition()

    def put(self, *numbers, megabytes=0.1):
        """Make these batches."""
        with self.changed:
            self.files |= {n: npz_of(n, megabytes) for n in numbers}
            self.changed.notify_all()

    def downloads(self):
        """Return the headers of each download that was requested."""
        return [headers for _, path, headers in self.requests if re.search(r"/batches/\d", path)]

    @property
    def status(self):
        counts = {"samples": None, "samples_done": 2 * len(self.files), "batches": self.total}
        spec = {} if self.delivery is None else {"delivery": self.delivery}
        return {
            "id": JOB,
            "spec": spec,
            "state": self.state,
            "counts": counts,
            "errors": [],
            "samples_per_second": 7.0,
        }

    def buffer_end(self):
        """Return the number of the first batch that the buffer of a stream has no room for."""
        first = next(n for n in range(10**9) if n not in self.acknowledged)
        return first + self.delivery["buffer_batches"]

    def is_made(self, number):
        """Return whether a batch is made, including those that a stream has dropped."""
        if self.delivery is None:
            return number in self.files
        return number in self.acknowledged or number < self.buffer_end()

    @contextmanager
    def serving(self):
        """Yield the address."""

        class Handler(_Handler):
            stand_in = self

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            server.daemon_threads = True
            thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stand_in: StandIn

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.stand_in.requests.append(("GET", self.path, dict(self.headers)))
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        match url.path.removeprefix(f"/v1/jobs/{JOB}").split("/"):
            case [""]:
                self.json(200, self.stand_in.status)
            case ["", "events"]:
                self.send_events()
            case ["", "batches", number]:
                self.send_batch(int(number), float(query.get("wait", 0)))
            case ["", "link", number]:
                self.send_link(int(number), query["expires"])
            case _:
                self.problem(404, "not-found", "no such address")

    def do_POST(self):
        stand_in = self.stand_in
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        stand_in.requests.append(("POST", self.path, body))
        with stand_in.changed:
            if self.path.endswith("/acknowledge"):
                stand_in.acknowledged |= set(body["batches"])
            if self.path.endswith("/rewind"):
                stand_in.acknowledged -= {n for n in stand_in.acknowledged if n >= body["batch"]}
            stand_in.changed.notify_all()
        self.json(200, {})

    def send_batch(self, number, wait):
        stand_in = self.stand_in
        with stand_in.changed:
            made = stand_in.changed.wait_for(lambda: stand_in.is_made(number), wait if stand_in.waits else 0)
            if made and number not in stand_in.files:
                stand_in.files[number] = npz_of(number)
            gone = stand_in.delivery is not None and number in stand_in.acknowledged
        failure = stand_in.failures.pop(0) if stand_in.failures else None
        if failure == 503:
            return self.problem(503, "unavailable", "Redis does not answer", {"Retry-After": "0"})
        if failure == 502:
            return self.answer(502, b"<html>nginx</html>", {"Content-Type": "text/html"})
        if gone:
            return self.problem(410, "gone", "it was dropped")
        if not made:
            return self.problem(404, "not-yet", "it is still to come", {"Retry-After": "1"})
        if stand_in.links:
            tag = f'"{hashlib.sha256(stand_in.files[number]).hexdigest()}"'
            expires = "past" if failure == "expired" else f"cut{failure}" if failure else "never"
            return self.answer(307, b"", {"Location": f"../link/{number}?expires={expires}", "ETag": tag})
        self.send_file(stand_in.files[number], failure)
        return None

    def send_link(self, number, expires):
        """Answer as an object store, whose ETags are others and whose links expire."""
        if expires == "past":
            return self.answer(403, b"<Error><Code>AccessDenied</Code></Error>", {"Content-Type": "application/xml"})
        cut = int(expires.removeprefix("cut")) if expires.startswith("cut") else None
        self.send_file(self.stand_in.files[number], cut, tag='"an-md5"')
        return None

    def send_file(self, data, failure, tag=None):
        """Answer as service.transport.downloads does.

        failure: the number of bytes after which the connection breaks, or "wrong": a byte differs.
        """
        tag = tag or f'"{hashlib.sha256(data).hexdigest()}"'
        headers = {"ETag": tag, "Accept-Ranges": "bytes"}
        if self.headers.get("if-none-match") == tag:
            return self.answer(304, b"", headers)
        part = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        if part is None or self.headers.get("if-range", tag) != tag:
            status, first = 200, 0
        else:
            status, first = 206, int(part[1])
            headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
        body = data[first:]
        if failure == "wrong":
            return self.answer(status, body[:-1] + bytes([body[-1] ^ 1]), headers)
        if failure is None:
            return self.answer(status, body, headers)
        self.answer(status, body[:failure], headers, announced=len(body))
        self.close_connection = True
        return None

    def send_events(self):
        """Send one of the texts."""
        body = self.stand_in.events.pop(0).encode()
        self.answer(200, body, {"Content-Type": "text/event-stream"})

    def problem(self, status, slug, detail, headers=()):
        document = {"type": f"urn:afmbatch:problem:{slug}", "title": slug, "status": status, "detail": detail}
        body = json.dumps({**document, "instance": self.path, "errors": []}).encode()
        self.answer(status, body, {"Content-Type": "application/problem+json", **dict(headers)})

    def json(self, status, document):
        self.answer(status, json.dumps(document).encode(), {"Content-Type": "application/json"})

    def answer(self, status, body, headers, announced=None):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body) if announced is None else announced))
        self.end_headers()
        self.wfile.write(body)
