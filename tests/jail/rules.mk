# SPDX-License-Identifier: Apache-2.0
# Each layer of the monitor's jail, tried from inside of it: make check-jail [ONLY='PATTERN'] [PLATFORM=kvm]

JAIL_TESTS := $(BUILD)/tests/jail

$(JAIL_TESTS)/monitor.o: tests/jail/monitor.c tests/jail/trials.def tests/jail/trials.h $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(filter-out -fvisibility=hidden,$(HL_CFLAGS)) -O1 -g -c -o $@ $<

$(JAIL_TESTS)/monitor: $(JAIL_TESTS)/monitor.o $(CLI_OBJS) $(BUILD)/internal.a
	$(CC) $(LDFLAGS_HL) -Wl,--wrap=sys_dispatch -o $@ $^ -ljson-c $(HL_LIBS) $(LDLIBS) 2>/dev/null

$(JAIL_TESTS)/guest: tests/jail/guest.c tests/jail/trials.def tests/jail/trials.h
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) -iquote . -static -o $@ $<

.PHONY: check-jail
check-jail check-prepare: $(PLAIN) $(JAIL_TESTS)/monitor $(JAIL_TESTS)/guest
check-jail:
	$(PLAIN) tests/jail/run --bins $(JAIL_TESTS) --platform $(PLATFORM) $(if $(ONLY),--only '$(ONLY)')
