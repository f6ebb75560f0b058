# SPDX-License-Identifier: Apache-2.0
# The command line and the library as users meet them: make check-cli [ONLY='PATTERN'] [PLATFORM=kvm]

CLI_TESTS := $(BUILD)/tests/cli
CLI_TEST_BINS := $(addprefix $(CLI_TESTS)/,embed calls clock-and-getppid crash on oom shrunk nonet readonly layers limits removed xattr)

# Only what an installed libhl gives: the header and the archive.
$(CLI_TESTS)/embed: tests/cli/embed.c include/hl.h $(BUILD)/libhl.a
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) $(if $(SAN),-fsanitize=$(SAN)) -Iinclude -o $@ $< $(BUILD)/libhl.a $(HL_LIBS) -pthread

# Every allocation of the library goes through the test.
$(CLI_TESTS)/oom: tests/cli/oom.c include/hl.h $(BUILD)/libhl.a
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) -Iinclude -o $@ $< $(BUILD)/libhl.a $(HL_LIBS) -pthread $(if $(SAN),-fsanitize=$(SAN)) \
	    -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray,--wrap=aligned_alloc,--wrap=strdup

$(CLI_TESTS)/layers: tests/cli/layers.c tests/lib/case.h
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) -Wno-shadow -Itests/lib -static -o $@ $< -pthread

$(CLI_TESTS)/%: tests/cli/%.c
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) -static -o $@ $< -pthread

$(CLI_TESTS)/deny: tests/lib/deny.c sys/syscalls.def
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) -static -iquote . -o $@ $<

$(CLI_TESTS)/hold: tests/lib/hold.c
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) -static -o $@ $<

CLI_FAMILIES := $(addprefix $(BUILD)/tests/conformance/fs/,dir fd inotify open path rw splice stat statx)

.PHONY: check-cli
check-cli check-prepare: $(PLAIN) $(BUILD)/hl $(BUILD)/$(SONAME) $(CLI_FAMILIES) $(CLI_TEST_BINS) $(CLI_TESTS)/deny $(CLI_TESTS)/hold \
    $(BUILD)/bench/page
check-cli:
	$(PLAIN) tests/cli/run --hl $(BUILD)/hl --platform $(PLATFORM) --bins $(CLI_TESTS) $(if $(ONLY),--only '$(ONLY)')

# For archives (initrd.sh).
check-cli check-prepare: $(CLI_TESTS)/cut
