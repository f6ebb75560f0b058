# SPDX-License-Identifier: Apache-2.0
# The examples, as their READMEs say: make check-examples [ONLY='hello-c mount-c'] [PLATFORM=process]
.PHONY: check-examples
check-examples check-prepare: $(PLAIN) $(BUILD)/hl $(BUILD)/libhl.so
check-examples:
	$(PLAIN) tests/examples/run --hl $(BUILD)/hl --platform $(PLATFORM) $(ONLY)
