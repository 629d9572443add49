"""A hub on the loopback that speaks the protocol: listings, redirects to where bytes lie, ranges, and faults on order."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import urlsplit

# Files above this lie elsewhere, as the hub's large ones do.
LARGE = 1000


@dataclass
class Hub:
    """What is served, what goes wrong, and what was asked.

    Attributes:
        repos: (repository, revision) to files.
        faults: by the end of a path, what its next requests meet: a status, "cut", "flipped", or a URL that
            they are sent to.
        asked: method, path and range of each request, in order.
        listed: sha256 to tell of a file instead of its own.
        moved: where large files lie, if not here.
        endpoint: this server's address.
    """

    repos: dict[tuple[str, str], dict[str, bytes]] = field(default_factory=dict)
    faults: dict[str, list[int | str]] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    listed: dict[str, str] = field(default_factory=dict)
    moved: str = ""
    endpoint: str = ""

    def paths(self, method: str = "GET") -> list[str]:
        return [path for how, path, _ in self.asked if how == method]


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Serve until the block ends."""

    class Bound(_Handler):
        served = hub

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Bound) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        hub.endpoint = f"http://127.0.0.1:{listening.server_port}"
        try:
            yield hub
        finally:
            listening.shutdown()
            thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    served: ClassVar[Hub]

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        return

    def _answer(self) -> None:
        path = urlsplit(self.path).path
        self.served.asked.append((self.command, path, self.headers.get("Range", "")))
        self.served.headers.append(dict(self.headers))
        fault = self._fault(path)
        if isinstance(fault, int):
            self._send(fault, {"Retry-After": "0"})
        elif fault.startswith("http"):
            self._send(302, {"Location": fault})
        elif path.startswith("/api/models/"):
            self._listing(path)
        elif path.startswith("/bytes/"):
            self._bytes(path, fault)
        elif "/resolve/" in path:
            self._file(path, fault)
        else:
            self._send(404, {})

    def _fault(self, path: str) -> int | str:
        for end, queue in self.served.faults.items():
            if queue and path.endswith(end) and not (queue[0] in ("cut", "flipped") and self._is_head(path)):
                return queue.pop(0)
        return ""

    def _is_head(self, path: str) -> bool:
        return self.command == "HEAD" or path.startswith("/api/")

    def _listing(self, path: str) -> None:
        repo, _, revision = path.removeprefix("/api/models/").partition("/revision/")
        if all(known != repo for known, _ in self.served.repos):
            self._send(404, {"X-Error-Code": "RepoNotFound"})
            return
        files = self.served.repos.get((repo, revision))
        if files is None:
            self._send(404, {"X-Error-Code": "RevisionNotFound"})
            return
        siblings = [self._sibling(name, content) for name, content in files.items()]
        told = {"id": repo, "sha": revision, "siblings": siblings, "tags": [], "downloads": 0, "likes": 0}
        self._send(200, {"Content-Type": "application/json"}, json.dumps(told).encode())

    def _sibling(self, name: str, content: bytes) -> dict[str, object]:
        told = {"rfilename": name, "size": len(content), "blobId": _git_hash(content)}
        if len(content) <= LARGE:
            return told
        sha = self.served.listed.get(name, hashlib.sha256(content).hexdigest())
        return {**told, "lfs": {"sha256": sha, "size": len(content), "pointerSize": 134}}

    def _file(self, path: str, fault: str) -> None:
        repo, _, rest = path[1:].partition("/resolve/")
        revision, _, name = rest.partition("/")
        content = self.served.repos.get((repo, revision), {}).get(name)
        if content is None:
            self._send(404, {"X-Error-Code": "EntryNotFound"})
            return
        commit = {"X-Repo-Commit": revision, "Accept-Ranges": "bytes"}
        if len(content) <= LARGE:
            self._content(content, commit | {"ETag": f'"{_git_hash(content)}"'}, fault)
            return
        sha = hashlib.sha256(content).hexdigest()
        # Under another name: a client takes a redirect within one host for a move of the repository.
        where = self.served.moved or self.served.endpoint.replace("127.0.0.1", "localhost")
        linked = {"X-Linked-Etag": f'"{sha}"', "X-Linked-Size": str(len(content))}
        self._send(302, commit | linked | {"Location": f"{where}/bytes/{sha}/{name}"})

    def _bytes(self, path: str, fault: str) -> None:
        sha = path.split("/")[2]
        for files in self.served.repos.values():
            for content in files.values():
                if hashlib.sha256(content).hexdigest() == sha:
                    self._content(content, {"ETag": f'"{sha}"', "Accept-Ranges": "bytes"}, fault)
                    return
        self._send(404, {})

    def _content(self, content: bytes, headers: dict[str, str], fault: str) -> None:
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        if fault == "flipped":
            content = bytes([content[0] ^ 1]) + content[1:]
        body = content[start:]
        if start:
            headers = headers | {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        self._send(206 if start else 200, headers, body, cut=len(body) // 2 if fault == "cut" else None)

    def _send(self, status: int, headers: dict[str, str], body: bytes = b"", cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.close_connection = True


def _git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
