# SPDX-License-Identifier: Apache-2.0
# The conformance cases once more, saved behind the lines they print and moved to copies on either platform (moved.c):
#
#   make check-moved [PLATFORM=kvm] [SEED=n]   one case in eight, which the seed chooses; default 1
#   make check-moved ALL=1                     all of them
#   make check-moved ONLY=futex                those
#   make check-moved-net                       the same of sockets

MOVED := $(BUILD)/tests/moved
# Connections of the host's network are not a copy's: sockets are moved with a loopback of hl's own. Breakpoints in
# debug registers are not kept in a snapshot.
MOVED_NOT   := $(CONF)/proc/ptrace_debugreg
MOVED_NET   := $(addprefix $(CONF)/net/,inet loopback sock_diag)
# A move takes time, which some families are about: only by hand, on a machine with nothing else to do.
MOVED_TIMED := $(addprefix $(CONF)/,event/awaited event/patience misc/sched proc/futex proc/wait \
	       $(addprefix signal/,async clocks cputimer signal storm timer timerfd))
MOVED_PROGS := $(filter-out $(MOVED_NOT) $(MOVED_NET) $(if $(ALL)$(ONLY),,$(MOVED_TIMED)),$(CONF_COMPARED))
MOVED_RUN    = $(CONF_RUN) --hl $(MOVED)/moved --platform $(PLATFORM) --seed $(or $(SEED),1) $(if $(ALL)$(ONLY),,--part 8) \
	       --expected tests/moved/not-saved --skip tests/moved/not-moved

$(MOVED)/moved: tests/moved/moved.c include/hl.h $(BUILD)/libhl.a
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) $(if $(SAN),-fsanitize=$(SAN)) -Iinclude -o $@ $< $(BUILD)/libhl.a $(HL_LIBS) -pthread

.PHONY: check-moved check-moved-net
check-moved check-moved-net check-prepare: $(PLAIN) $(MOVED)/moved $(CONF)/runner $(CONF_COMPARED)
check-moved:
	@mkdir -p $(CONF_WORK)
	@$(MOVED_RUN) $(MOVED_PROGS)

check-moved-net:
	@mkdir -p $(CONF_WORK)
	@unshare $$([ "$$(id -u)" = 0 ] || echo -r) -n sh -c 'ip link set lo up && exec "$$@"' sh $(MOVED_RUN) --net none $(MOVED_NET)
