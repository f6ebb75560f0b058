# SPDX-License-Identifier: Apache-2.0
# What the server runs for each request, in a copy that has loaded this and nothing else has touched.
import json
import os

visits = 0


def handle(request):
    """The path and, behind a line's end, the body; what it gives is the answer's body."""
    global visits
    visits += 1
    path, _, body = request.partition(b"\n")
    path = path.decode()
    if path == "/loop":
        while True:
            pass
    if path == "/keep":
        with open("/tmp/kept", "wb") as f:
            f.write(body)
    return json.dumps({"path": path, "visits": visits, "kept": os.path.exists("/tmp/kept")}) + "\n"
