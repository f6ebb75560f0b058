# SPDX-License-Identifier: Apache-2.0
# The conformance suite of the platforms: make check-platform [PLATFORM=process]

PLATFORM_TESTS := host state memory events interrupt pool
# Against the stubs of the process platform alone.
PLATFORM_STUB  := $(BUILD)/tests/platform/hostile $(BUILD)/tests/platform/lines
PLATFORM_BINS  := $(PLATFORM_TESTS:%=$(BUILD)/tests/platform/%)
# Only what stands at or below platform/: the suite runs when nothing above compiles.
PLATFORM_LIB := $(filter $(addprefix $(BUILD)/,util/% arch/% host/% platform/%),$(LIB_OBJS))
PLATFORM_COMMON := $(BUILD)/tests/platform/world.c.o $(BUILD)/tests/platform/guest.S.o
# host tests what lies below the platforms, and KVM's probe.
PLATFORM_BOTH := $(filter-out %/host,$(PLATFORM_BINS))

$(PLATFORM_STUB:=.c.o): $(BUILD)/gen/stub_symbols.h
$(PLATFORM_BINS) $(PLATFORM_STUB): $(BUILD)/tests/platform/%: $(BUILD)/tests/platform/%.c.o $(PLATFORM_COMMON) $(PLATFORM_LIB)
	$(CC) $(LDFLAGS_HL) -o $@ $^ $(LDLIBS)

.PHONY: check-platform
check-platform check-prepare: $(PLAIN) $(PLATFORM_BINS) $(PLATFORM_STUB)
check-platform:
	@HL_TEST_PLATFORM=$(PLATFORM) $(PLAIN) scripts/run-tests 1800 $(if $(filter kvm,$(PLATFORM)),$(PLATFORM_BINS),$(PLATFORM_BOTH) $(PLATFORM_STUB))

-include $(PLATFORM_COMMON:.o=.d) $(PLATFORM_BINS:=.c.d) $(PLATFORM_STUB:=.c.d)
