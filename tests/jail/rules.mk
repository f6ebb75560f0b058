# SPDX-License-Identifier: Apache-2.0
#: make check-jail        each layer of the monitor's jail, tried from inside  [ONLY='PATTERN'] [PLATFORM=kvm]
#: make check-leaks       is what the monitor leaks told of, in spite of its jail? On a build of its own with sanitizers

JAIL_TESTS := $(BUILD)/tests/jail

$(JAIL_TESTS)/monitor.o: tests/jail/monitor.c tests/jail/trials.def tests/jail/trials.h $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(filter-out -fvisibility=hidden,$(HL_CFLAGS)) -O1 -g -c -o $@ $<

$(JAIL_TESTS)/monitor: $(JAIL_TESTS)/monitor.o $(CLI_OBJS) $(BUILD)/internal.a
	$(CC) $(LDFLAGS_HL) -Wl,--wrap=sys_dispatch -o $@ $^ $(CLI_LIBS) $(HL_LIBS) -lm $(LDLIBS) 2>/dev/null

$(JAIL_TESTS)/guest: tests/jail/guest.c tests/jail/trials.def tests/jail/trials.h
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) -iquote . -static -o $@ $<

.PHONY: check-jail
check-jail check-prepare: $(PLAIN) $(JAIL_TESTS)/monitor $(JAIL_TESTS)/guest $(CLI_TESTS)/deny
check-jail:
	$(PLAIN) tests/jail/run --bins $(JAIL_TESTS) --deny $(CLI_TESTS)/deny --platform $(PLATFORM) $(if $(ONLY),--only '$(ONLY)')

# A sanitizer's own process looks for leaks, which has to get through the jail.
.PHONY: check-leaks check-leaks-told
check-leaks:
	+@$(MAKE) --no-print-directory SAN=address,undefined check-leaks-told
check-leaks-told: $(PLAIN) $(JAIL_TESTS)/monitor $(JAIL_TESTS)/guest
	$(PLAIN) tests/jail/leaks $(JAIL_TESTS)
