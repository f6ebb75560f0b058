# SPDX-License-Identifier: Apache-2.0
# Conformance: each case natively and under hl, compared byte for byte.
#
#   make check-conformance [ONLY=futex] [PLATFORM=kvm]   ONLY names an area, a family, a case, or AREA/FAMILY/CASE
#   make check-conformance-native                        runs each case twice natively: are the cases deterministic?
#   make check-conformance-runner                        does the runner see each kind of difference?
#   make check-badargs                                   every system call number with hostile arguments

CONF       := $(BUILD)/tests/conformance
CONF_SRCS  := $(wildcard tests/conformance/*/*.c)
CONF_PROGS := $(CONF_SRCS:%.c=$(BUILD)/%)
# The loader's family once more for each way a program can be linked.
CONF_LOADERS  := $(addprefix $(CONF)/proc/loader_,static_pie pie fixed)
# A suite of its own runs these, natively in a network that is theirs alone.
CONF_ALONE_PROGS := $(addprefix $(CONF)/net/,sent_along time_wait)
CONF_COMPARED := $(filter-out $(CONF)/survive/% $(CONF_ALONE_PROGS),$(CONF_PROGS)) $(CONF_LOADERS)
CONF_SURVIVE  := $(filter $(CONF)/survive/%,$(CONF_PROGS))
# Macros of case.h nest: NEED(fstat(NEED(open(...)), ...)).
CONF_CFLAGS := -std=gnu17 -O1 -g -D_GNU_SOURCE -fno-strict-aliasing -pthread $(WARNINGS) -Wno-shadow -Itests/lib
# Suites that run side by side have their own places.
CONF_WORK   = $(CONF)/run/$@
CONF_RUN    = $(PLAIN) $(CONF)/runner --work $(CONF_WORK) $(if $(ONLY),--only '$(ONLY)') $(CONF_FLAGS)

$(CONF)/runner: tests/conformance/runner.c
	@mkdir -p $(@D) $(CONF)/run
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) $< -o $@

$(CONF_PROGS): $(BUILD)/%: %.c $(wildcard tests/lib/*.h tests/conformance/*/*.h)
	@mkdir -p $(@D)
	$(CC) $(CONF_CFLAGS) -static -o $@ $< $(CONF_LDFLAGS)

# The loader's family notes its registers before libc does.
$(CONF)/proc/loader: CONF_LDFLAGS := -Wl,-e,entry_point
$(CONF)/proc/loader_static_pie: CONF_LINK := -fPIE -static-pie
$(CONF)/proc/loader_pie: CONF_LINK := -fPIE -pie -DDYNAMIC
$(CONF)/proc/loader_fixed: CONF_LINK := -fno-pie -no-pie -DDYNAMIC
$(CONF_LOADERS): tests/conformance/proc/loader.c $(wildcard tests/lib/*.h)
	@mkdir -p $(@D)
	$(CC) $(CONF_CFLAGS) $(CONF_LINK) -o $@ $< -Wl,-e,entry_point

.PHONY: check-conformance check-conformance-native check-conformance-runner check-badargs
check-conformance check-prepare: $(PLAIN) $(BUILD)/hl $(CONF)/runner $(CONF_COMPARED)
check-conformance: check-conformance-runner
check-conformance:
	@mkdir -p $(CONF_WORK)
	$(CONF_RUN) --hl $(BUILD)/hl --platform $(PLATFORM) --expected tests/conformance/expected-differences $(CONF_COMPARED)

# The families of sockets once more over a loopback that nobody else has, natively in a network namespace and under hl by
# each way to one: hl's own, and a network namespace that hl makes.
CONF_NET_PROGS := $(filter $(addprefix $(CONF)/net/,inet options loopback sock_diag),$(CONF_PROGS))
CONF_ALONE = unshare $$([ "$$(id -u)" = 0 ] || echo -r) -n sh -c 'ip link set lo up && exec "$$@"' sh $(CONF_RUN) --hl $(BUILD)/hl --platform $(PLATFORM)
.PHONY: check-loopback
check-loopback check-prepare: $(PLAIN) $(BUILD)/hl $(CONF)/runner $(CONF_NET_PROGS) $(CONF_ALONE_PROGS)
check-loopback:
	@mkdir -p $(CONF_WORK)
	$(CONF_ALONE) --net none --expected tests/conformance/expected-loopback $(CONF_NET_PROGS) $(CONF_ALONE_PROGS)
	$(CONF_ALONE) --net namespace --expected tests/conformance/expected-namespace $(CONF_NET_PROGS)

check-conformance-native: $(PLAIN) $(CONF)/runner $(CONF_COMPARED)
	@mkdir -p $(CONF_WORK)
	$(CONF_RUN) --native-only $(CONF_COMPARED)

# Does the runner itself see what it is there to see?
check-conformance-runner: $(PLAIN) $(CONF)/runner $(CONF)/fs/rw
	$(PLAIN) tests/conformance/selftest.sh $(PLAIN) $(CONF)/runner $(CONF)/fs/rw

check-badargs check-prepare: $(PLAIN) $(BUILD)/hl $(CONF)/runner $(CONF_SURVIVE)
check-badargs:
	@mkdir -p $(CONF_WORK)
	tests/conformance/contained.sh $(abspath $(CONF_WORK)) $(CONF_RUN) --survive --timeout 600 --hl $(BUILD)/hl --platform $(PLATFORM) $(CONF_SURVIVE)
