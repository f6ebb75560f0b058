# SPDX-License-Identifier: Apache-2.0
# What a guest can take of the host, in control groups of 1 GiB: make check-bombs [PLATFORM=kvm|process] [ONLY=name]
# Needs root and a memory controller; skips by name without.

BOMBS := $(BUILD)/tests/bombs

$(BOMBS)/bomb: tests/bombs/bomb.c
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) -static -o $@ $< -pthread

.PHONY: check-bombs
check-bombs check-prepare: $(BUILD)/hl $(BOMBS)/bomb
check-bombs:
	@tests/bombs/run --hl $(BUILD)/hl --bomb $(BOMBS)/bomb --platform $(PLATFORM) $(if $(ONLY),--only '$(ONLY)')
	@tests/bombs/run --hl $(BUILD)/hl --bomb $(BOMBS)/bomb --platform $(PLATFORM) $(if $(ONLY),--only '$(ONLY)') --limits
