# SPDX-License-Identifier: Apache-2.0
# The Python binding (python/): make check-python [PLATFORM=kvm] [RUNS=10000: so many in one process]

.PHONY: check-python
check-python check-prepare: $(PLAIN) $(BUILD)/libhl.so
check-python:
	$(PLAIN) $(if $(RUNS),env RUNS=$(RUNS)) tests/python/run $(BUILD) $(PLATFORM)
