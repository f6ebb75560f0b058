# SPDX-License-Identifier: Apache-2.0
# The Python binding (python/): make check-python [PLATFORM=kvm]

.PHONY: check-python
check-python check-prepare: $(PLAIN) $(BUILD)/libhl.so
check-python:
	$(PLAIN) tests/python/run $(BUILD) $(PLATFORM)
