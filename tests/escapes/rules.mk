# SPDX-License-Identifier: Apache-2.0
# Guests that try to get out of a private world, with watchers outside: make check-escapes [ONLY='PATTERN'] [PLATFORM=kvm] [TRIES=N]

ESCAPES := $(BUILD)/tests/escapes
ESCAPES_GUEST := $(addprefix tests/escapes/,guest.c names.c races.c descriptors.c files.c others.c)
ESCAPES_SUITE := $(addprefix tests/escapes/,suite.c stage.c witness.c)
# In a virtual machine each try costs an exit, on the same code of the monitor's.
ESCAPES_TRIES = $(or $(TRIES),$(if $(filter kvm,$(PLATFORM)),30000,1000000))

$(ESCAPES)/guest: $(ESCAPES_GUEST) tests/escapes/guest.h tests/escapes/cases.def
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) -static -iquote . -o $@ $(ESCAPES_GUEST)

$(ESCAPES)/suite: $(ESCAPES_SUITE) tests/escapes/stage.h tests/escapes/cases.def
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) -iquote . -o $@ $(ESCAPES_SUITE) -pthread

.PHONY: check-escapes
check-escapes check-prepare: $(PLAIN) $(BUILD)/hl $(ESCAPES)/suite $(ESCAPES)/guest
check-escapes:
	@mkdir -p $(ESCAPES)/stage
	$(PLAIN) $(ESCAPES)/suite --hl $(BUILD)/hl --guest $(ESCAPES)/guest --dir $(ESCAPES)/stage --platform $(PLATFORM) \
	    --tries $(ESCAPES_TRIES) $(if $(ONLY),--only '$(ONLY)')
