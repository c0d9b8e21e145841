"""A service of one job that misbehaves on request; it answers as service.routes does, as far as the client looks."""

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
    """Bytes of a batch that knows its number; odd ones are not aligned in the file."""
    f = io.BytesIO()
    afm = np.full((int(megabytes * 250_000),), number, np.float32)
    np.savez(f, afm=afm, structure=np.array([number, number]), desc_names=np.array(["bonds", "é"]))
    return f.getvalue()


class StandIn:
    """`files`: the batches that are there. `faults`: what happens to the next downloads, one each; None: nothing."""

    def __init__(self, total, delivery=None):
        self.total = total
        self.delivery = delivery
        self.files = {}
        self.faults = []
        self.requests = []  # (method, path with query, headers)
        self.state = "running"
        self.waits = False  # whether it knows ?wait=
        self.events = None  # each a text; None: it has no such route
        self.links = False  # whether it answers with links
        self.acknowledged = set()
        self.changed = threading.Condition()

    def put(self, *numbers, megabytes=0.1):
        """Batches that are made."""
        with self.changed:
            self.files |= {n: npz_of(n, megabytes) for n in numbers}
            self.changed.notify_all()

    def downloads(self):
        """Headers of each download that was asked for."""
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

    def room(self):
        """Of a stream: which batch is the first that the buffer has no room for."""
        first = next(n for n in range(10**9) if n not in self.acknowledged)
        return first + self.delivery["buffer_batches"]

    def there(self, number):
        """Whether a batch can be had, or could before it was dropped."""
        if self.delivery is None:
            return number in self.files
        return number in self.acknowledged or number < self.room()

    @contextmanager
    def serving(self):
        """Its address."""

        class Handler(_Handler):
            house = self

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
    house: StandIn

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.house.requests.append(("GET", self.path, dict(self.headers)))
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        match url.path.removeprefix(f"/v1/jobs/{JOB}").split("/"):
            case [""]:
                self.json(200, self.house.status)
            case ["", "events"] if self.house.events is not None:
                self.send_events()
            case ["", "batches", number]:
                self.send_batch(int(number), float(query.get("wait", 0)))
            case ["", "link", number]:
                self.send_link(int(number), query["expires"])
            case _:
                self.problem(404, "not-found", "no such address")

    def do_POST(self):
        house = self.house
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        house.requests.append(("POST", self.path, body))
        with house.changed:
            if self.path.endswith("/acknowledge"):
                house.acknowledged |= set(body["batches"])
            if self.path.endswith("/rewind"):
                house.acknowledged -= {n for n in house.acknowledged if n >= body["batch"]}
            house.changed.notify_all()
        self.json(200, {})

    def send_batch(self, number, wait):
        house = self.house
        with house.changed:
            if house.waits:
                house.changed.wait_for(lambda: house.there(number), wait)
            there = house.there(number)
            if there and number not in house.files:
                house.files[number] = npz_of(number)
            gone = house.delivery is not None and number in house.acknowledged
        fault = house.faults.pop(0) if house.faults else None
        if fault == 503:
            return self.problem(503, "unavailable", "Redis does not answer", {"Retry-After": "0"})
        if fault == 502:
            return self.answer(502, b"<html>nginx</html>", {"Content-Type": "text/html"})
        if gone:
            return self.problem(410, "gone", "it was dropped")
        if not there:
            return self.problem(404, "not-yet", "it is still to come", {"Retry-After": "0" if house.waits else "1"})
        if house.links:
            tag = f'"{hashlib.sha256(house.files[number]).hexdigest()}"'
            expires = "past" if fault == "expired" else f"cut{fault}" if fault else "never"
            return self.answer(307, b"", {"Location": f"../link/{number}?expires={expires}", "ETag": tag})
        self.send_file(house.files[number], fault)
        return None

    def send_link(self, number, expires):
        """A server of files with other tags, whose links expire."""
        if expires == "past":
            return self.answer(403, b"<Error><Code>AccessDenied</Code></Error>", {"Content-Type": "application/xml"})
        cut = int(expires.removeprefix("cut")) if expires.startswith("cut") else None
        self.send_file(self.house.files[number], cut, tag='"an-md5"')
        return None

    def send_file(self, data, fault, tag=None):
        """Answer as service.transport.downloads does.

        fault: after so many bytes the connection breaks, or 'wrong', a byte is another.
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
        if fault == "wrong":
            return self.answer(status, body[:-1] + bytes([body[-1] ^ 1]), headers)
        if fault is None:
            return self.answer(status, body, headers)
        self.answer(status, body[:fault], headers, announced=len(body))
        self.close_connection = True
        return None

    def send_events(self):
        """Each connection gets one of the texts."""
        body = self.house.events.pop(0).encode()
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
