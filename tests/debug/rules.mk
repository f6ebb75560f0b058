# SPDX-License-Identifier: Apache-2.0
# A debugger outside of the sandbox, Debian's gdb, and core files: make check-debug [ONLY='PATTERN'] [PLATFORM=kvm]

DEBUG_TESTS := $(BUILD)/tests/debug

$(DEBUG_TESTS)/%: tests/debug/%.c
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O0 -g -D_GNU_SOURCE $(WARNINGS) -Wno-missing-prototypes -o $@ $< -pthread

.PHONY: check-debug
check-debug check-prepare: $(PLAIN) $(BUILD)/hl $(DEBUG_TESTS)/threads
check-debug:
	$(PLAIN) tests/debug/run --hl $(BUILD)/hl --platform $(PLATFORM) --bins $(DEBUG_TESTS) $(if $(ONLY),--only '$(ONLY)')
