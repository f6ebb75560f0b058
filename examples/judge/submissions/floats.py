# SPDX-License-Identifier: Apache-2.0
a, b = map(float, input().split())
print(int(a + b) if a + b < 1e15 else a + b)
