# SPDX-License-Identifier: Apache-2.0
# Jobs of warm runtimes, beside the same jobs of cold ones: make check-drivers [PLATFORM=kvm] [ONLY=python3]

.PHONY: check-drivers
check-drivers check-prepare: $(PLAIN) $(BUILD)/hl
check-drivers:
	@for test in $(or $(ONLY),usage python3); do $(PLAIN) tests/drivers/$$test $(BUILD)/hl $(PLATFORM) || failed=1; done; \
		[ -z "$$failed" ]
