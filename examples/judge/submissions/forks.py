# SPDX-License-Identifier: Apache-2.0
import os
for _ in range(100):
    if os.fork() == 0:
        while True:
            pass
