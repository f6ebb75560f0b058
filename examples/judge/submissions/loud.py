# SPDX-License-Identifier: Apache-2.0
while True:
    print("sum" * 1000)
