"""A hub that takes what huggingface_hub uploads: repositories, and commits of whole files."""

from __future__ import annotations

import base64
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class Hub:
    """Keeps what was sent: `repos` (name -> what it was made with), `files` (path -> bytes), `keys`."""

    def __init__(self, key: str = "hf_test") -> None:
        self.repos: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self.commits: list[str] = []
        self.paths: list[str] = []
        self.key = key
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self._body()
                hub.paths.append(self.path)
                if self.headers.get("authorization") != f"Bearer {hub.key}":
                    return self._send(401, {"error": "Invalid username or password."})
                self._send(200, hub.answer(self.path, body))

            def do_GET(self) -> None:
                hub.paths.append(self.path)
                self._send(404, {"error": "not found"})

            do_HEAD = do_GET

            def _body(self) -> bytes:
                if self.headers.get("transfer-encoding", "").lower() != "chunked":
                    return self.rfile.read(int(self.headers.get("content-length") or 0))
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def _send(self, status: int, value: Any) -> None:
                data = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None: ...

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def answer(self, path: str, body: bytes) -> Any:
        """The reply to a request of the client."""
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked.get('organization')}/{asked['name']}"
            self.repos[name] = asked
            return {"url": f"{self.url}/{name}", "name": name}
        if "/preupload/" in path:
            files = json.loads(body)["files"]
            return {
                "files": [
                    {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False} for one in files
                ]
            }
        if "/commit/" in path:
            for line in body.decode().splitlines():
                entry = json.loads(line)
                if entry["key"] == "file":
                    self.files[entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
                elif entry["key"] == "header":
                    self.commits.append(entry["value"]["summary"])
            name = re.split("/(?:models|datasets)/", path)[1].partition("/commit")[0]
            return {
                "success": True,
                "commitUrl": f"{self.url}/{name}/commit/1",
                "commitOid": "1",
                "hookOutput": "",
            }
        return {}

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._http.shutdown()
        self._http.server_close()
