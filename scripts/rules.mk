# SPDX-License-Identifier: Apache-2.0
.PHONY: setup demo

# What build, tests and demo need, on a fresh Debian machine.
setup:
	scripts/setup

# In this order on a machine that has only make.
demo:
	scripts/setup build demo
	+@$(MAKE) --no-print-directory all
	scripts/demo $(BUILD)/hl
