# SPDX-License-Identifier: Apache-2.0
# Jobs of warm runtimes, beside the same jobs of cold ones, and calls: make check-drivers [PLATFORM=kvm] [ONLY=python3]

# Only what an installed libhl gives.
$(BUILD)/tests/drivers/calls: tests/drivers/calls.c include/hl.h $(BUILD)/libhl.a
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) $(if $(SAN),-fsanitize=$(SAN)) -Iinclude -o $@ $< $(BUILD)/libhl.a $(HL_LIBS) -pthread

.PHONY: check-drivers
check-drivers check-prepare: $(PLAIN) $(BUILD)/hl $(BUILD)/pyhl $(BUILD)/tests/drivers/calls
check-drivers:
	@for test in $(or $(ONLY),usage python3 embedded pyhl modules node perl ruby bash); do \
		$(PLAIN) tests/drivers/$$test $(BUILD)/hl $(PLATFORM) || failed=1; \
	done; [ -z "$$failed" ]
