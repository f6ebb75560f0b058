#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
echo "Hello from the shell of $(uname -n)"
for f in /*; do
	[ ! -d "$f" ] || echo "$f"
done
