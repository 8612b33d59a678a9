"""What stands before a store may answer to whatever it is asked: a captive portal, a login page, a balancer."""

import http.server
import ssl
import threading


class Page(http.server.BaseHTTPRequestHandler):
    def answer(self):
        self.send_response(self.server.status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", "6")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"<html>")

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer

    def log_message(self, *_):
        pass


def serve_pages(test, status=200, certificate=None):
    """The endpoint of a web server that is no store, until the test has ended; over TLS with a certificate."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    server.status = status
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    test.addCleanup(server.server_close)
    test.addCleanup(server.shutdown)
    return f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_address[1]}"
