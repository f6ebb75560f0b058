# SPDX-License-Identifier: Apache-2.0
# The conformance cases once more under an hl that is paused and resumed at random moments:
#
#   make check-freeze [PLATFORM=kvm] [SEED=n]   a quarter of the cases, which the seed chooses; default 1
#   make check-freeze ALL=1                     all of them
#   make check-freeze ONLY=futex                those

FREEZE := $(BUILD)/tests/freeze
# Not what is traced: a pause in the middle of a step makes it two, once in a while, under a nested KVM (docs/roadmap.md).
FREEZE_PROGS := $(filter-out $(addprefix $(CONF)/proc/,ptrace ptrace_stops),$(CONF_COMPARED))

$(FREEZE)/shake: tests/freeze/shake.c $(CLI_OBJS) $(CLI_UTIL) $(BUILD)/libhl.a
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) $(if $(SAN),-fsanitize=$(SAN)) -Iinclude -o $@ $^ $(CLI_LIBS) $(HL_LIBS) -lm -pthread \
	    -Wl,--wrap=hl_sandbox_start,--wrap=hl_sandbox_free,--wrap=hl_sandbox_free_within

.PHONY: check-freeze
check-freeze check-prepare: $(PLAIN) $(FREEZE)/shake $(CONF)/runner $(CONF_COMPARED)
check-freeze:
	@mkdir -p $(CONF_WORK)
	@$(CONF_RUN) --hl $(FREEZE)/shake --platform $(PLATFORM) --seed $(or $(SEED),1) $(if $(ALL)$(ONLY),,--part 4) \
	    --expected tests/conformance/expected-differences --skip tests/freeze/not-shaken $(FREEZE_PROGS)
