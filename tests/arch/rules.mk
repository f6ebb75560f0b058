# SPDX-License-Identifier: Apache-2.0
#: make check-arch        all that stands above the platforms for arm64: built by a cross compiler, tested on an emulated CPU
.PHONY: check-arch
check-arch:
	+@MAKE='$(MAKE)' tests/arch/check.sh
