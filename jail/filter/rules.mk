# SPDX-License-Identifier: Apache-2.0
# The monitor's filters are made here, by libseccomp, for the CPU that is compiled for.
HOSTCC ?= gcc

$(BUILD)/gen/jail-generate: jail/filter/generate.c jail/filter/calls.def jail/filter/placeholder.h
	@mkdir -p $(@D)
	$(call say,GEN,$@)$(HOSTCC) -std=gnu17 -O1 -Wall -Werror -D_GNU_SOURCE -iquote . -o $@ $< -lseccomp

$(BUILD)/gen/jail_filter.h: $(BUILD)/gen/jail-generate $(BUILD)/flags
	$< $(ARCH) $(if $(SAN),sanitizer) > $@.new && mv $@.new $@

$(BUILD)/jail/seccomp.c.o: $(BUILD)/gen/jail_filter.h
