# SPDX-License-Identifier: Apache-2.0
print(sum(map(int, input().split())))
