# SPDX-License-Identifier: Apache-2.0
# Programs that attack the stub they run in, through the library: make check-hostile

HOSTILE := $(BUILD)/tests/hostile

$(HOSTILE)/guest: tests/hostile/guest.c $(BUILD)/gen/stub_symbols.h
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) -iquote . -iquote $(BUILD)/gen -static -o $@ $< -pthread

$(HOSTILE)/suite: tests/hostile/suite.c include/hl.h $(BUILD)/libhl.a
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) $(if $(SAN),-fsanitize=$(SAN)) -Iinclude -o $@ $< $(BUILD)/libhl.a $(HL_LIBS) -pthread

.PHONY: check-hostile
check-hostile check-prepare: $(PLAIN) $(HOSTILE)/suite $(HOSTILE)/guest
check-hostile:
	@$(PLAIN) scripts/run-tests 1800 $(HOSTILE)/suite
