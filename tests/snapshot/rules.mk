# SPDX-License-Identifier: Apache-2.0
# Programs that are saved in the middle and go on in copies: make check-snapshot [ONLY=name] [PLATFORM=kvm]

SNAPSHOT       := $(BUILD)/tests/snapshot
SNAPSHOT_CASES := $(patsubst tests/snapshot/%.c,$(SNAPSHOT)/%,$(wildcard tests/snapshot/$(or $(ONLY),*).c))

$(SNAPSHOT)/%: tests/snapshot/%.c tests/snapshot/mark.h
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) -o $@ $< -pthread

.PHONY: check-snapshot
check-snapshot check-prepare: $(PLAIN) $(BUILD)/hl $(SNAPSHOT_CASES)
check-snapshot:
	$(PLAIN) tests/snapshot/run $(BUILD)/hl $(PLATFORM) $(SNAPSHOT_CASES)
