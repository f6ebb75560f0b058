#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An agent: a model writes code, hl runs it, the model sees what came of it, until it is done.

The model here is a script (model.py), so that the example needs none; `ask_model` is the place for
one. What it writes runs in one session: what it has defined is there in its next step.
"""
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import hl
import model

SECONDS, STEPS = 10.0, 12


class Prices(BaseHTTPRequestHandler):
    """The one address of the host that the code may reach."""

    def do_GET(self):
        body = b'{"tea": 3, "coffee": 4}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def ask_model(transcript):
    return model.answer(transcript)


def step(sandbox, code):
    """What the model is told of its code."""
    try:
        return sandbox.exec(code, timeout=SECONDS).stdout
    except hl.TimeoutExpired:
        sandbox.reset()
        return f"stopped: more than {SECONDS:g} s; everything is as at the beginning\n"
    except hl.CallError as e:
        return e.traceback.splitlines()[-1] + "\n"


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Prices)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    with hl.Sandbox.warm("python3", modules=["json", "csv", "urllib.request"], memory="256M", pids=16,
                         network=[f"127.0.0.1:{port}"], env={"PRICES": f"http://127.0.0.1:{port}/"},
                         platform=os.environ.get("HL_PLATFORM")) as sandbox:

        @sandbox.tool
        def customer(number):
            return {7: {"name": "Ada", "discount": 0.5}}[number]

        with open("orders.csv") as f:
            sandbox.put_file("/data/orders.csv", f.read())
        transcript = ["Write what customer 7 has to pay for /data/orders.csv to /data/bill.txt."]
        while len(transcript) < 2 * STEPS:
            code = ask_model(transcript)
            if code is None:
                break
            seen = step(sandbox, code)
            print("".join(f"> {line}\n" for line in code.splitlines()) + seen, end="")
            transcript += [code, seen]
        sys.stdout.write("the bill: " + sandbox.get_file("/data/bill.txt").decode())
    server.shutdown()


main()
