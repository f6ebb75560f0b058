# SPDX-License-Identifier: Apache-2.0
# make check-programs [ONLY='FILE FILE:CASE ...'] [PLATFORM=process]
.PHONY: check-programs check-programs-self

# The suite must be able to fail (selftest) before its passing says anything.
check-programs check-prepare: $(PLAIN) $(BUILD)/hl
check-programs:
	$(PLAIN) tests/programs/selftest
	$(PLAIN) tests/programs/run --hl $(BUILD)/hl --platform $(PLATFORM) $(ONLY)
	$(if $(ONLY),,$(PLAIN) tests/programs/terminal --hl $(BUILD)/hl --platform $(PLATFORM))

# Native against native: every difference is an undetermined case.
check-programs-self: $(PLAIN)
	$(PLAIN) tests/programs/selftest
	$(PLAIN) tests/programs/run --self
	$(PLAIN) tests/programs/terminal --self

