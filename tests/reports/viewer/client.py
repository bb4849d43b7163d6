"""Speaks to a viewer over real HTTP."""

import http.client
import json
import re
from urllib.parse import urlencode


class Client:
    """Speaks to a viewer as a browser that holds the cookie; headers can be changed or left out."""

    def __init__(self, viewer):
        self.base = viewer.base
        self.host = viewer.base.removeprefix("http://")
        _, headers, _ = self.send("GET", f"/?token={viewer.token}", cookie=False)
        self.cookie = headers["Set-Cookie"].partition(";")[0]
        self.cookie_flags = headers["Set-Cookie"]

    def send(self, method, path, body=None, cookie=True, **headers):
        connection = http.client.HTTPConnection(self.host, timeout=20)
        given = {"Cookie": self.cookie} if cookie else {}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, given)
        reply = connection.getresponse()
        text = reply.read().decode()
        connection.close()
        return reply.status, reply.headers, text

    def get(self, path, **query):
        return self.send("GET", f"{path}?{urlencode(query)}" if query else path)

    def seen(self, file, line):
        """What the page of a row says that it shows."""
        found = re.search(r'data-seen="(\w+)"', self.get("/row", file=file, line=line)[2])
        return found[1] if found else ""

    def mark(self, file, line, mark, **more):
        body = {"file": file, "line": line, "mark": mark, "seen": self.seen(file, line), **more}
        if "over_file" in more:
            body.setdefault("over_seen", self.seen(more["over_file"], more["over_line"]))
        return self.send("POST", "/marks", json.dumps(body), Origin=self.base)
