# SPDX-License-Identifier: Apache-2.0
# Programs that are saved in the middle and go on in copies: make check-snapshot [ONLY=name] [PLATFORM=kvm]

SNAPSHOT       := $(BUILD)/tests/snapshot
SNAPSHOT_CASES := $(patsubst tests/snapshot/%.c,$(SNAPSHOT)/%,$(wildcard tests/snapshot/$(or $(ONLY),*).c))

$(SNAPSHOT)/%: tests/snapshot/%.c tests/snapshot/mark.h
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) -o $@ $< -pthread

$(SNAPSHOT)/helpers/%: tests/snapshot/helpers/%.c
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) -o $@ $< -pthread

$(addprefix $(SNAPSHOT)/helpers/,again family idle pool): $(SNAPSHOT)/helpers/%: tests/snapshot/helpers/%.c include/hl.h $(BUILD)/libhl.a
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) $(if $(SAN),-fsanitize=$(SAN)) -Iinclude -o $@ $< $(BUILD)/libhl.a $(HL_LIBS) -pthread

# Every allocation of the library goes through the test, and calls of the host that a save makes.
$(SNAPSHOT)/helpers/faults: tests/snapshot/helpers/faults.c include/hl.h $(BUILD)/libhl.a
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 $(WARNINGS) $(if $(SAN),-fsanitize=$(SAN)) -Iinclude -o $@ $< $(BUILD)/libhl.a \
	    $(HL_LIBS) -pthread $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc reallocarray aligned_alloc strdup mkostemp64 \
	    pwrite64 pread64 fsync rename fstat64)

.PHONY: check-snapshot
check-snapshot check-prepare: $(PLAIN) $(BUILD)/hl $(SNAPSHOT)/calls $(SNAPSHOT_CASES) $(SNAPSHOT)/helpers/draw $(SNAPSHOT)/helpers/again \
	$(SNAPSHOT)/helpers/faults $(SNAPSHOT)/helpers/secrets $(SNAPSHOT)/helpers/pool $(SNAPSHOT)/helpers/family \
	$(SNAPSHOT)/helpers/idle $(SNAPSHOT)/helpers/wiped
check-snapshot:
	tests/snapshot/kinds $(SNAPSHOT)/calls
	$(PLAIN) tests/snapshot/messages $(BUILD)/hl $(PLATFORM)
	$(PLAIN) tests/snapshot/world $(BUILD)/hl $(PLATFORM)
	$(PLAIN) tests/snapshot/asks $(BUILD)/hl $(PLATFORM)
	$(PLAIN) $(SNAPSHOT)/helpers/idle $(PLATFORM)
	$(PLAIN) tests/snapshot/deterministic $(BUILD)/hl $(PLATFORM) $(SNAPSHOT)/helpers/draw
	$(PLAIN) tests/snapshot/secrets $(BUILD)/hl $(PLATFORM) $(SNAPSHOT)/helpers/secrets $(SNAPSHOT)/helpers/pool $(SNAPSHOT)/helpers/wiped
	$(PLAIN) gdb -q -nx -batch -x tests/snapshot/tables.py $(BUILD)/hl.debug
	rm -rf $(SNAPSHOT)/generations && mkdir $(SNAPSHOT)/generations
	$(PLAIN) $(SNAPSHOT)/helpers/again $(SNAPSHOT)/generations $(PLATFORM) process $(PLATFORM)
	$(PLAIN) $(SNAPSHOT)/helpers/family $(SNAPSHOT)/generations $(PLATFORM)
	$(PLAIN) $(SNAPSHOT)/helpers/faults $(SNAPSHOT)/generations $(PLATFORM) 37
	rm -rf $(SNAPSHOT)/generations
	$(PLAIN) tests/snapshot/programs $(BUILD)/hl $(PLATFORM)
	$(PLAIN) tests/snapshot/run $(BUILD)/hl $(PLATFORM) $(SNAPSHOT_CASES)

# Copies of snapshots that an enemy has written: make check-snapshot-mutated [ROUNDS=n] [SEED=n]
.PHONY: check-snapshot-mutated
check-snapshot-mutated: $(PLAIN) $(BUILD)/hl $(SNAPSHOT_CASES)
	$(PLAIN) tests/snapshot/mutate-all $(BUILD)/hl $(PLATFORM) $(or $(ROUNDS),200) $(SNAPSHOT) $(SEED)
