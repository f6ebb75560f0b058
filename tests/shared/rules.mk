# SPDX-License-Identifier: Apache-2.0
# The shared library, and what programs that were linked with it rely on: make check-shared [PLATFORM=kvm]

.PHONY: check-shared
check-shared check-prepare: $(PLAIN) $(BUILD)/libhl.so
check-shared:
	$(PLAIN) tests/shared/run $(BUILD) $(PLATFORM)
