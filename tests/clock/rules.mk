# SPDX-License-Identifier: Apache-2.0
# Guests whose clocks are years and days from the host's: make check-clock [ONLY=futex] [PLATFORM=kvm]
#
# The conformance cases that tell the time or wait print the same as natively, whatever their clocks say.

CLOCK_TESTS := $(BUILD)/tests/clock
CLOCK_PROGS := $(addprefix $(BUILD)/tests/conformance/,signal/clocks signal/timer signal/timerfd event/awaited event/poll event/epoll \
	       event/pty proc/futex proc/rseq net/unix mm/memfd misc/sysinfo)

# The library's inside: hl.h has no call for it.
$(CLOCK_TESTS)/hl: $(BUILD)/tests/clock/moved.c.o $(CLI_OBJS) $(BUILD)/internal.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDFLAGS_HL) -Wl,--wrap=hl_config_new -o $@ $^ $(CLI_LIBS) $(HL_LIBS) -lm $(LDLIBS)

.PHONY: check-clock
check-clock check-prepare: $(PLAIN) $(CLOCK_TESTS)/hl $(BUILD)/tests/conformance/runner $(CLOCK_PROGS)
check-clock:
	@mkdir -p $(CONF_WORK)
	$(PLAIN) tests/clock/run $(CLOCK_TESTS)/hl $(PLATFORM)
	$(CONF_RUN) --hl $(CLOCK_TESTS)/hl --platform $(PLATFORM) --expected tests/conformance/expected-differences $(CLOCK_PROGS)
