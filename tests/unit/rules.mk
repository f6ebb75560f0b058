# SPDX-License-Identifier: Apache-2.0
# Units of util/, mm/ and loader/ against a fake platform: make check-unit [ONLY=name]

UNIT       := $(BUILD)/tests/unit
UNIT_TESTS := $(patsubst tests/unit/test_%.c,%,$(wildcard tests/unit/test_$(or $(ONLY),*).c))
UNIT_BINS  := $(UNIT_TESTS:%=$(UNIT)/test_%)
UNIT_COMMON := $(addprefix $(UNIT)/,fake.c.o exec_world.c.o overlay_model.c.o busy_host.c.o)
# Nothing above these folders is needed, nor has to compile.
UNIT_LIB := $(filter $(addprefix $(BUILD)/,util/% host/% arch/% platform/physmem.% mm/% cred/% fs/% loader/% \
	      net/% kernel/tty/ldisc.% kernel/ktimer.% kernel/timerfd.% kernel/time_ns.% snapshot/forecasts.% debug/packet.%),$(LIB_OBJS))

$(UNIT)/libunit.a: $(UNIT_LIB)
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) rcs $@ $^

$(UNIT_BINS): $(UNIT)/test_%: $(UNIT)/test_%.c.o $(UNIT_COMMON) $(UNIT)/libunit.a
	$(CC) -pthread $(if $(SAN),-fsanitize=$(SAN)) -Wl,--wrap=exec_open,--wrap=beneath_open -o $@ $^ -lcmocka $(HL_LIBS) $(LDLIBS)

.PHONY: check-unit
check-unit check-prepare: $(PLAIN) $(UNIT_BINS)
check-unit:
	@$(PLAIN) scripts/run-tests 1800 $(UNIT_BINS)

-include $(UNIT_COMMON:.o=.d) $(UNIT_BINS:=.c.d)
