# SPDX-License-Identifier: Apache-2.0
# libFuzzer targets, one a parser: make fuzz-elf, fuzz-cpio, fuzz-overlay, fuzz-policy [FUZZ_SECONDS=60]. They need clang and build in a place of their own.

FUZZ_SECONDS ?= 60
FUZZ_BUILD   ?= build-fuzz
FUZZ         := $(BUILD)/tests/fuzz
FUZZ_LIB     := $(filter $(addprefix $(BUILD)/,util/% host/% arch/% platform/physmem.% mm/% cred/% fs/% loader/%),$(LIB_OBJS))

.PHONY: fuzz-elf fuzz-run-elf
fuzz-elf:
	$(MAKE) BUILD=$(FUZZ_BUILD) CC="$(if $(findstring ccache,$(CC)),ccache )clang" SAN=fuzzer-no-link,address,undefined fuzz-run-elf

$(FUZZ)/elf: $(FUZZ)/elf.c.o $(BUILD)/tests/unit/fake.c.o $(BUILD)/tests/unit/exec_world.c.o $(FUZZ_LIB)
	$(CC) -pthread -fsanitize=fuzzer,address,undefined -Wl,--wrap=exec_open -o $@ $^ -lcmocka $(HL_LIBS) $(LDLIBS)

# An input is an option byte, the length of the program, the program, and its interpreter (here: the same).
seed = { printf '\003'; perl -e 'print pack "v", -s $$ARGV[0]' $(1); cat $(1) $(1); } > $(FUZZ)/elf-seeds/$(2)

$(FUZZ)/elf-seeds: tests/fuzz/seed.S tests/fuzz/rules.mk
	@mkdir -p $@
	gcc -nostdlib -static -s -Wl,-z,noseparate-code -o $(FUZZ)/seed $<; $(call seed,$(FUZZ)/seed,static)
	gcc -nostdlib -static-pie -s -Wl,-z,noseparate-code -o $(FUZZ)/seed $<; $(call seed,$(FUZZ)/seed,static-pie)
	gcc -nostdlib -pie -s -Wl,-I,/ld -Wl,-z,noseparate-code -o $(FUZZ)/seed $<; $(call seed,$(FUZZ)/seed,dynamic)
	gcc -nostdlib -pie -s -Wl,-I,/ld -Wl,-z,separate-code -o $(FUZZ)/seed $<; $(call seed,$(FUZZ)/seed,separate)
	printf '#!/ld -x\n' > $(FUZZ)/seed; $(call seed,$(FUZZ)/seed,script)

fuzz-run-elf: $(FUZZ)/elf $(FUZZ)/elf-seeds
	@mkdir -p $(FUZZ)/elf-corpus
	$(FUZZ)/elf -max_total_time=$(FUZZ_SECONDS) -max_len=40000 -rss_limit_mb=4096 -print_final_stats=1 \
	    -artifact_prefix=$(FUZZ)/ $(FUZZ)/elf-corpus $(FUZZ)/elf-seeds

# Archives: what tools make of a small tree, and orders that make others.
.PHONY: fuzz-cpio fuzz-run-cpio
fuzz-cpio:
	$(MAKE) BUILD=$(FUZZ_BUILD) CC="$(if $(findstring ccache,$(CC)),ccache )clang" SAN=fuzzer-no-link,address,undefined fuzz-run-cpio

$(FUZZ)/cpio: $(FUZZ)/cpio.c.o $(BUILD)/tests/unit/fake.c.o $(BUILD)/tests/unit/exec_world.c.o $(FUZZ_LIB)
	$(CC) -pthread -fsanitize=fuzzer,address,undefined -Wl,--wrap=exec_open -o $@ $^ -lcmocka $(HL_LIBS) $(LDLIBS)

$(FUZZ)/cpio-seeds: tests/fuzz/cpio-seeds tests/fuzz/rules.mk
	tests/fuzz/cpio-seeds $@

fuzz-run-cpio: $(FUZZ)/cpio $(FUZZ)/cpio-seeds
	@mkdir -p $(FUZZ)/cpio-corpus
	$(FUZZ)/cpio -max_total_time=$(FUZZ_SECONDS) -max_len=8192 -rss_limit_mb=2048 -print_final_stats=1 \
	    -artifact_prefix=$(FUZZ)/ $(FUZZ)/cpio-corpus $(FUZZ)/cpio-seeds

# Calls on an overlay and on its model. Nothing touches the host: all layers are in memory.
.PHONY: fuzz-overlay fuzz-run-overlay
fuzz-overlay:
	$(MAKE) BUILD=$(FUZZ_BUILD) CC="$(if $(findstring ccache,$(CC)),ccache )clang" SAN=fuzzer-no-link,address,undefined fuzz-run-overlay

FUZZ_OVERLAY := $(FUZZ)/overlay.c.o $(addprefix $(BUILD)/tests/unit/,overlay_model.c.o fake.c.o exec_world.c.o) $(FUZZ_LIB)
$(FUZZ)/overlay: $(FUZZ_OVERLAY)
	$(CC) -pthread -fsanitize=fuzzer,address,undefined -Wl,--wrap=exec_open -o $@ $^ -lcmocka $(HL_LIBS) $(LDLIBS)

$(FUZZ)/overlay-seeds: tests/fuzz/rules.mk
	@mkdir -p $@
	for n in 0 1 2 3 4 5 6 7; do perl -e "srand $$n; print chr int rand 256 for 1 .. 6000" >$@/$$n; done

fuzz-run-overlay: $(FUZZ)/overlay $(FUZZ)/overlay-seeds
	@mkdir -p $(FUZZ)/overlay-corpus
	$(FUZZ)/overlay -max_total_time=$(FUZZ_SECONDS) -max_len=12000 -rss_limit_mb=2048 -print_final_stats=1 \
	    -artifact_prefix=$(FUZZ)/ $(FUZZ)/overlay-corpus $(FUZZ)/overlay-seeds

# The path walk and its model.
.PHONY: fuzz-walk fuzz-run-walk
fuzz-walk:
	$(MAKE) BUILD=$(FUZZ_BUILD) CC="$(if $(findstring ccache,$(CC)),ccache )clang" SAN=fuzzer-no-link,address,undefined fuzz-run-walk

$(FUZZ)/walk: $(FUZZ)/walk.c.o $(BUILD)/tests/unit/fake.c.o $(BUILD)/tests/unit/exec_world.c.o $(FUZZ_LIB)
	$(CC) -pthread -fsanitize=fuzzer,address,undefined -Wl,--wrap=exec_open -o $@ $^ -lcmocka $(HL_LIBS) $(LDLIBS)

$(FUZZ)/walk-seeds: tests/fuzz/rules.mk
	@mkdir -p $@
	for n in 0 1 2 3 4 5 6 7; do perl -e "srand $$n; print chr int rand 256 for 1 .. 1500" >$@/$$n; done

fuzz-run-walk: $(FUZZ)/walk $(FUZZ)/walk-seeds
	@mkdir -p $(FUZZ)/walk-corpus
	$(FUZZ)/walk -max_total_time=$(FUZZ_SECONDS) -max_len=3000 -rss_limit_mb=2048 -print_final_stats=1 \
	    -artifact_prefix=$(FUZZ)/ $(FUZZ)/walk-corpus $(FUZZ)/walk-seeds

# Policies: the keys of all options, and their values.
.PHONY: fuzz-policy fuzz-run-policy
fuzz-policy:
	$(MAKE) BUILD=$(FUZZ_BUILD) CC="$(if $(findstring ccache,$(CC)),ccache )clang" SAN=fuzzer-no-link,address,undefined fuzz-run-policy

FUZZ_POLICY := $(FUZZ)/policy.c.o $(filter-out $(BUILD)/cli/main.c.o,$(CLI_OBJS)) $(LIB_OBJS)
$(FUZZ)/policy: $(FUZZ_POLICY)
	$(CC) -pthread -fsanitize=fuzzer,address,undefined -o $@ $^ -ljson-c $(HL_LIBS) $(LDLIBS)

# A word for each key, as -dict= takes them.
$(FUZZ)/policy-words: cli/options.c
	sed -nE 's/^\t\{ "([a-z-]+)", .*/"\\"\1\\":"/p' $< >$@

fuzz-run-policy: $(FUZZ)/policy $(FUZZ)/policy-words
	@mkdir -p $(FUZZ)/policy-corpus
	$(FUZZ)/policy -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -rss_limit_mb=2048 -print_final_stats=1 -dict=$(FUZZ)/policy-words \
	    -artifact_prefix=$(FUZZ)/ $(FUZZ)/policy-corpus tests/fuzz/policy-seeds

-include $(FUZZ)/policy.c.d $(FUZZ)/elf.c.d $(FUZZ)/cpio.c.d $(FUZZ)/overlay.c.d

# The fuzzer of system calls (tests/fuzz/calls/fuzz.h).
#: make fuzz-calls        random typed calls, confined  [TIME=60] [SEED=N] [PLATFORM=process] [SAN=...]
#: make fuzz-calls-all    the same with each sanitizer on each platform
TIME ?= 60
SEED ?= $(shell od -An -N4 -tu4 /dev/urandom)
CALLS := $(BUILD)/tests/fuzz/calls
CALLS_SRCS := $(filter-out %/outside.c,$(wildcard tests/fuzz/calls/*.c)) trace/names.c util/text.c

$(CALLS)/calls: $(CALLS_SRCS) tests/fuzz/calls/fuzz.h $(wildcard sys/*.def) sys/syscall_args.h trace/names.h
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE -fno-strict-aliasing -iquote . -iquote tests/fuzz/calls $(WARNINGS) -Wno-clobbered -static \
	    -ffunction-sections -Wl,--gc-sections -o $@ $(CALLS_SRCS) -pthread

$(CALLS)/outside: tests/fuzz/calls/outside.c
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) -static -o $@ $<

$(CALLS)/one: tests/fuzz/calls/one
	@mkdir -p $(@D)
	cp $< $@

# With symbols, for what a sanitizer says and for stacks.
$(CALLS)/hl: $(BUILD)/hl.debug
	@mkdir -p $(@D)
	cp $< $@

.PHONY: check-fuzz fuzz-calls fuzz-calls-all
CALLS_BINS := $(addprefix $(CALLS)/,calls outside one hl)
check-fuzz check-prepare: $(PLAIN) $(CALLS_BINS)
check-fuzz:
	$(PLAIN) tests/fuzz/calls/run --bins $(CALLS) --platform $(PLATFORM) --seconds 6 1 2 3 4 5 6 7 8 9 10

fuzz-calls: $(PLAIN) $(CALLS_BINS)
	$(PLAIN) tests/fuzz/calls/run --bins $(CALLS) --platform $(PLATFORM) --seconds $(TIME) $(SEED)

fuzz-calls-all:
	+@for san in address,undefined thread; do for platform in process kvm; do \
	    $(MAKE) --no-print-directory fuzz-calls SAN=$$san PLATFORM=$$platform || failed=1; done; done; [ -z "$$failed" ]
