"""`holdfast serve` as a process of its own, and requests to it."""

import http.client
import json
import signal
import socket
import subprocess

from holdfast import PROGRAM


class Server:
    """The program under test, listening at a free port."""

    def __init__(self, scenario, *words, **variables):
        self.errors = open(scenario.folder / "serve.err", "ab")
        scenario.addCleanup(self.errors.close)
        self.process = subprocess.Popen(
            [PROGRAM, "serve", "--json", *words, *([] if "--listen" in words else ["--listen", "127.0.0.1:0"])], cwd=scenario.folder,
            env={**scenario.environment, **variables}, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        scenario.addCleanup(self.end)
        line = self.process.stdout.readline()
        self.address = json.loads(line)["listening"]
        self.port = None if self.address.startswith("unix:") else int(self.address.rpartition(":")[2])

    def end(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        status = self.process.wait(timeout=60)
        self.process.stdout.close()
        return status

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(self, method, path, body=None, connection=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        own = connection or self.connect()
        try:
            own.request(method, path, body, headers)
            answer = own.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None, answer.headers
        finally:
            if connection is None:
                own.close()

    def raw(self, sent, end=True):
        """What is answered to these bytes until the server hangs up."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            try:
                connection.sendall(sent)
                if end:
                    connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            answer = b""
            try:
                while piece := connection.recv(65536):
                    answer += piece
            except ConnectionResetError:
                pass
            return answer
