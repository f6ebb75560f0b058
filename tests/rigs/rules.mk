# SPDX-License-Identifier: Apache-2.0
# The suites on emulated machines with real hardware virtualisation: make check-rig

# Seconds: only what hangs takes so long, on however busy a machine.
RIG_X86 := tests/rigs/rig-x86.sh -t 3600

# Do the suites say so where there is no KVM?
.PHONY: check-without-kvm
check-without-kvm:
	@MAKE='$(MAKE)' tests/rigs/without-kvm-test.sh

# One boot for hardware page tables, one for KVM's shadow paging. An emulated machine has one CPU: two at a time.
.PHONY: check-rig check-rig-npt1 check-rig-npt0
check-rig: $(PLATFORM_BINS)
	+@$(MAKE) --no-print-directory -j2 --output-sync=target check-rig-npt1 check-rig-npt0 check-rig-conformance

# Part of the conformance suite as well, where the oracle is the emulated machine's own kernel.
RIG_CONF := $(addprefix $(CONF)/,signal/frame signal/signal proc/fork proc/wait misc/sysinfo)
RIG_CONF_RUN := $(CONF)/runner --work $(CONF)/run --jobs 1 --timeout 1200 --hl $(BUILD)/hl --platform kvm \
		--expected tests/rigs/expected-differences

check-rig-npt1 check-rig-npt0: check-rig-npt%: $(PLATFORM_BINS)
	@echo "# emulated AMD machine, npt=$*"
	@HL_REQUIRE_KVM=1 HL_TEST_SLOW=1 $(RIG_X86) -k npt=$* -- \
		scripts/run-tests 1800 $(PLATFORM_BINS)

.PHONY: check-rig-conformance
check-rig-conformance: $(BUILD)/hl $(CONF)/runner $(RIG_CONF)
	@echo "# conformance on the emulated AMD machine"
	@$(RIG_X86) -k npt=1 -- $(RIG_CONF_RUN) $(RIG_CONF)
