# SPDX-License-Identifier: Apache-2.0
"""Answers two requests: one with a greeting, one with what comes of going out."""
import http.server
import socket


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = "hello from a guest"
        if self.path == "/away":
            try:
                socket.create_connection(("192.0.2.1", 80))
            except OSError as e:
                text = str(e)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args):
        pass


server = http.server.HTTPServer(("127.0.0.1", 80), Handler)
print("listening at port 80", flush=True)
for _ in range(2):
    server.handle_request()
