# SPDX-License-Identifier: Apache-2.0
# The whole of the checks. Every suite ends with a line "N passed, N failed, N skipped".

#: make lint              format, include directions, headers, docs, clang-tidy ...  [ONLY=name]
#: make check             all suites, after having installed what they need  [PLATFORMS='kvm process']
#:                        PLATFORM=kvm|process: what a single suite runs on; default kvm
#:                        CHECK_JOBS=1: one suite after the other
.PHONY: lint check check-compilers check-locks check-prepare tidy

PLATFORM ?= kvm

# Suites run in the surroundings that their tests expect.
PLAIN := $(BUILD)/tests/lib/plain
$(PLAIN): tests/lib/plain.c
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) -static -o $@ $<

# Each suite says beside it what it needs to have been built.
check-prepare: $(PLAIN) $(BUILD)/hl

# A file is looked at again when it or what it includes has changed.
TIDY := $(patsubst %,$(BUILD)/tidy/%,$(filter %.c,$(LIB_SRCS) $(CLI_SRCS)))
$(BUILD)/tidy/%.c: %.c .clang-tidy $(BUILD)/%.c.o
	@mkdir -p $(@D)
	$(call say,TIDY,$<)clang-tidy --quiet --warnings-as-errors='*' $< -- $(HL_CFLAGS) 2>$@.err || { cat $@.err; false; }
	@touch $@
tidy: $(TIDY)

.PHONY: check-calls check-pairs check-exports check-hostcalls check-fields
check-calls: $(LIB_OBJS) $(CLI_OBJS)
	@BUILD=$(BUILD) scripts/check-calls $^
check-pairs: $(LIB_OBJS) $(CLI_OBJS)
	@BUILD=$(BUILD) scripts/check-pairs $^
check-exports: $(LIB_OBJS) $(CLI_OBJS)
	@scripts/check-exports $^
check-hostcalls: $(LIB_OBJS) $(CLI_OBJS)
	@BUILD=$(BUILD) scripts/check-hostcalls $^
.PHONY: check-jailed
check-jailed: $(BUILD)/hl.debug $(BUILD)/gen/jail-generate
	@scripts/check-jail $^
check-fields: $(LIB_OBJS) $(CLI_OBJS)
	@scripts/check-fields $(filter %.c,$(LIB_SRCS) $(CLI_SRCS)) -- $(HL_CFLAGS)

lint:
	+@MAKE='$(MAKE)' scripts/lint $(ONLY)

# Both compilers take every file, warnings as errors.
check-compilers:
	+@MAKE='$(MAKE)' scripts/check-compilers

#: make check-locks       do locks keep their order? Suites on a build with LOCKS=1  [PLATFORM=kvm|process]
LOCKS_SUITES := check-unit check-platform check-conformance check-ends check-snapshot check-drivers
check-locks:
	+@failed=0; for suite in $(LOCKS_SUITES); do \
		$(MAKE) --no-print-directory LOCKS=1 $$suite || failed=1; \
	done; exit $$failed

check:
	+@MAKE='$(MAKE)' PLATFORMS='$(PLATFORMS)' scripts/check
