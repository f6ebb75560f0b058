#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# server.sh SERVER PLATFORM: examples/fresh-server under load: make bench-server [PLATFORM=kvm]
set -eu
server=$(realpath "$1")
export HL_PLATFORM=$2
cd "$(dirname "$0")/../examples/fresh-server"
work=$(mktemp -d)
trap 'kill $pid 2>/dev/null; rm -rf "$work"' EXIT
mkfifo "$work/ready"
"$server" 0 app.py "$(nproc)" >"$work/ready" &
pid=$!
read -r url <"$work/ready"
printf '%-24s %12s %12s %12s\n' "a fresh copy a request" requests/s median p99
for connections in 1 2 4 8 16; do
	wrk -t1 -c$connections -d"${SECONDS_EACH:-5}" --latency "${url}x" >"$work/out"
	if grep -E 'Socket errors|Non-2xx' "$work/out"; then
		exit 1
	fi
	awk -v c="$connections" '/ 50%/ { median = $2 } / 99%/ { p99 = $2 } /^Requests/ { rate = $2 }
		END { printf "%-24s %12s %12s %12s\n", c " connections", rate, median, p99 }' "$work/out"
done
