"""A few lines of Kubernetes API client, for polling and assertions. What users see is asked through kubectl."""

import http.client
import json
import pathlib
import ssl
import urllib.parse


class ApiError(Exception):
    """The API server refused. `status` is the HTTP code, `reason` Kubernetes' own, for example AlreadyExists."""

    def __init__(self, status: int, body: bytes):
        try:
            answer = json.loads(body)
            self.reason, message = answer.get("reason", ""), answer.get("message", "")
        except ValueError:
            self.reason, message = "", body.decode(errors="replace")
        self.status = status
        super().__init__(f"{status} {self.reason}: {message}")


class Api:
    """One identity's access to one API server. A connection per request: simple, and fast enough on loopback."""

    def __init__(self, host: str, port: int, ca: pathlib.Path, client=None, token: str | None = None):
        """`client` is a pki.Certificate; give it or `token`, or neither to come as anonymous."""
        self._host, self._port, self._token = host, port, token
        self._tls = ssl.create_default_context(cafile=str(ca))
        if client:
            self._tls.load_cert_chain(client.cert, client.key)

    def request(self, method: str, path: str, body=None, content_type="application/json", timeout: float = 30):
        """The decoded answer: JSON as Python values, anything else as text. Raises ApiError from 400 on."""
        status, answer, data = self.exchange(method, path, body, content_type, timeout=timeout)
        if status >= 400:
            raise ApiError(status, data)
        return answer

    def exchange(self, method: str, path: str, body=None, content_type="application/json", headers=None, timeout: float = 30):
        """Status, answer (as of request()) and bytes, whatever the status."""
        connection = self._connect(timeout)
        headers = {"Content-Type": content_type, "Accept": "application/json"} | (headers or {})
        if self._token:
            headers["Authorization"] = "Bearer " + self._token
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            data = response.read()
        finally:
            self._done(connection)
        is_json = response.headers.get_content_type() == "application/json"
        return response.status, json.loads(data) if is_json else data.decode(errors="replace"), data

    def connect(self, timeout: float | None) -> http.client.HTTPSConnection:
        """A connection of the caller's own, with this identity if that is a certificate."""
        return self._connect(timeout)

    def _connect(self, timeout: float | None) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self._host, self._port, context=self._tls, timeout=timeout)

    def _done(self, connection: http.client.HTTPSConnection):
        connection.close()

    def get(self, path: str, **query):
        return self.request("GET", path + ("?" + urllib.parse.urlencode(query) if query else ""))

    def items(self, path: str, **query) -> list:
        return self.get(path, **query)["items"]

    def create(self, path: str, body: dict):
        return self.request("POST", path, body)

    def delete(self, path: str, **options):
        return self.request("DELETE", path, options or None)

    def merge_patch(self, path: str, body: dict):
        return self.request("PATCH", path, body, "application/merge-patch+json")


class PersistentApi(Api):
    """The same over one connection, for thousands of requests. One thread only."""

    _connection = None

    def _connect(self, timeout: float) -> http.client.HTTPSConnection:
        self._connection = self._connection or super()._connect(timeout)
        return self._connection

    def _done(self, connection: http.client.HTTPSConnection):
        """It stays open; http.client opens it again where the server has closed it."""

    def close(self):
        if self._connection:
            self._connection.close()
