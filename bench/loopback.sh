#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The loopback of a private world against the host's loopback under hl, in pairs: loopback.sh HL PROGRAM [PLATFORM [PAIRS]]
# The last line is the ratio of the medians, round trip and throughput; 1.50 and 0.67 are the bounds.
set -eu
hl=$1 program=$2 platform=${3:-process} pairs=${4:-5}
for ((i = 0; i < pairs; i++)); do
	echo "host $("$hl" --platform "$platform" --net host "$program")"
	echo "none $("$hl" --platform "$platform" --net none "$program")"
done | tee /dev/stderr | awk '
	function median(a, n,   i, j, t) {
		for (i = 1; i < n; i++) for (j = i; j > 0 && a[j - 1] > a[j]; j--) { t = a[j]; a[j] = a[j - 1]; a[j - 1] = t }
		return a[int(n / 2)]
	}
	$1 == "host" { hr[h] = $2; ht[h++] = $3 }
	$1 == "none" { nr[n] = $2; nt[n++] = $3 }
	END { printf "round trip %.2f of the host, throughput %.2f of the host\n", median(nr, n) / median(hr, h), median(nt, n) / median(ht, h) }'
