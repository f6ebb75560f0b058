# SPDX-License-Identifier: Apache-2.0
# Told to end, a sandbox ends at once, whatever it is doing: make check-ends [ONLY='PATTERN'] [PLATFORM=kvm]

ENDS_TESTS := $(BUILD)/tests/ends

$(ENDS_TESTS)/ops: tests/ends/ops.c
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) -static -o $@ $< -pthread

$(ENDS_TESTS)/killer: tests/ends/killer.c include/hl.h $(BUILD)/libhl.a
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) $(if $(SAN),-fsanitize=$(SAN)) -Iinclude -o $@ $< $(BUILD)/libhl.a $(HL_LIBS) -pthread

.PHONY: check-ends
check-ends check-prepare: $(PLAIN) $(BUILD)/hl $(ENDS_TESTS)/ops $(ENDS_TESTS)/killer
check-ends:
	$(PLAIN) tests/ends/run --hl $(BUILD)/hl --platform $(PLATFORM) --bins $(ENDS_TESTS) $(if $(ONLY),--only '$(ONLY)')
