# SPDX-License-Identifier: Apache-2.0
# libFuzzer targets, each a file of this folder. They need clang and build in a place of their own. What a run finds is kept in
# $(FUZZ_BUILD)/tests/fuzz, and so is the corpus.
#: make fuzz              every libFuzzer target in turn  [TIME=60]
#: make fuzz-elf          the same of one: elf, cpio, overlay, walk, options, policy, rule, dns, snapshot, image
FUZZ_TARGETS := elf cpio overlay walk options policy rule dns snapshot image
FUZZ_BUILD   ?= build-fuzz
FUZZ         := $(BUILD)/tests/fuzz
FUZZ_LINK     = $(CC) -pthread -fsanitize=fuzzer,address,undefined -o $@ $^ -lcmocka $(HL_LIBS) $(LDLIBS)
FUZZ_LIB     := $(filter $(addprefix $(BUILD)/,util/% host/% arch/% platform/physmem.% mm/% cred/% fs/% loader/%),$(LIB_OBJS))
FUZZ_WORLD   := $(BUILD)/tests/unit/fake.c.o $(BUILD)/tests/unit/exec_world.c.o $(FUZZ_LIB)

.PHONY: fuzz $(addprefix fuzz-,$(FUZZ_TARGETS)) $(addprefix fuzz-run-,$(FUZZ_TARGETS))
fuzz:
	+@for t in $(FUZZ_TARGETS); do $(MAKE) --no-print-directory fuzz-$$t || failed=1; done; [ -z "$$failed" ]

$(addprefix fuzz-,$(FUZZ_TARGETS)): fuzz-%:
	$(MAKE) BUILD=$(FUZZ_BUILD) CC="$(if $(findstring ccache,$(CC)),ccache )clang" SAN=fuzzer-no-link,address,undefined fuzz-run-$*

$(addprefix $(FUZZ)/,elf cpio walk): $(FUZZ)/%: $(FUZZ)/%.c.o $(FUZZ_WORLD)
	$(FUZZ_LINK) -Wl,--wrap=exec_open

$(FUZZ)/overlay: $(FUZZ)/overlay.c.o $(BUILD)/tests/unit/overlay_model.c.o $(FUZZ_WORLD)
	$(FUZZ_LINK) -Wl,--wrap=exec_open

$(FUZZ)/options: $(FUZZ)/options.c.o $(filter-out %/main.c.o,$(CLI_OBJS)) $(LIB_OBJS)
	$(FUZZ_LINK) $(CLI_LIBS) -lm -Wl,--wrap=open,--wrap=open64

$(FUZZ)/policy: $(FUZZ)/policy.c.o $(filter-out %/main.c.o,$(CLI_OBJS)) $(LIB_OBJS)
	$(FUZZ_LINK) $(CLI_LIBS) -lm

$(FUZZ)/snapshot: $(FUZZ)/snapshot.c.o $(LIB_OBJS)
	$(FUZZ_LINK) -Wl,--wrap=platform_choose,--wrap=confine_start,--wrap=confine_calls,--wrap=confine_files

$(FUZZ)/image: $(FUZZ)/image.c.o $(filter $(BUILD)/image/%,$(CLI_OBJS)) $(LIB_OBJS)
	$(FUZZ_LINK) $(CLI_LIBS)

# What reads the rules of a network, and the answers of name servers.
FUZZ_NET := $(addprefix $(BUILD)/,$(addprefix net/,policy.c.o rule.c.o dns.c.o)) $(filter $(addprefix $(BUILD)/,util/% host/% arch/%),$(LIB_OBJS))
$(addprefix $(FUZZ)/,rule dns): $(FUZZ)/%: $(FUZZ)/%.c.o $(FUZZ_NET)
	$(FUZZ_LINK)

fuzz_len_elf := 40000
fuzz_len_cpio := 8192
fuzz_len_overlay := 12000
fuzz_len_walk := 3000
fuzz_len_options := 400
fuzz_len_policy := 4096
fuzz_len_rule := 400
fuzz_len_dns := 500
fuzz_len_snapshot := 200000
fuzz_len_image := 16384
fuzz_options_policy = -dict=$(FUZZ)/policy-words
# What it says of each line that is no command line is closed off.
fuzz_options_options := -close_fd_mask=3

$(addprefix fuzz-run-,$(FUZZ_TARGETS)): fuzz-run-%: $(FUZZ)/% $(FUZZ)/%-seeds
	@mkdir -p $(FUZZ)/$*-corpus
	$(FUZZ)/$* -max_total_time=$(TIME) -max_len=$(fuzz_len_$*) -rss_limit_mb=4096 -print_final_stats=1 \
	    $(fuzz_options_$*) -artifact_prefix=$(FUZZ)/$*- $(FUZZ)/$*-corpus $(FUZZ)/$*-seeds

# An input is an option byte, the length of the program, the program, and its interpreter (here: the same).
seed = { printf '\003'; perl -e 'print pack "v", -s $$ARGV[0]' $(1); cat $(1) $(1); } > $(FUZZ)/elf-seeds/$(2)

$(FUZZ)/elf-seeds: tests/fuzz/seed.S tests/fuzz/rules.mk
	@mkdir -p $@
	gcc -nostdlib -static -s -Wl,-z,noseparate-code -o $(FUZZ)/seed $<; $(call seed,$(FUZZ)/seed,static)
	gcc -nostdlib -static-pie -s -Wl,-z,noseparate-code -o $(FUZZ)/seed $<; $(call seed,$(FUZZ)/seed,static-pie)
	gcc -nostdlib -pie -s -Wl,-I,/ld -Wl,-z,noseparate-code -o $(FUZZ)/seed $<; $(call seed,$(FUZZ)/seed,dynamic)
	gcc -nostdlib -pie -s -Wl,-I,/ld -Wl,-z,separate-code -o $(FUZZ)/seed $<; $(call seed,$(FUZZ)/seed,separate)
	printf '#!/ld -x\n' > $(FUZZ)/seed; $(call seed,$(FUZZ)/seed,script)

# Archives: what tools make of a small tree, and orders that make others.
$(FUZZ)/cpio-seeds: tests/fuzz/cpio-seeds tests/fuzz/rules.mk
	tests/fuzz/cpio-seeds $@

# Orders: any bytes are some.
random_seeds = @mkdir -p $@; for n in 0 1 2 3 4 5 6 7; do perl -e "srand $$n; print chr int rand 256 for 1 .. $(1)" >$@/$$n; done
$(FUZZ)/overlay-seeds: tests/fuzz/rules.mk
	$(call random_seeds,6000)

$(FUZZ)/walk-seeds: tests/fuzz/rules.mk $(wildcard tests/fuzz/data/walk/*)
	$(call random_seeds,1500)
	cp tests/fuzz/data/walk/* $@

$(FUZZ)/options-seeds: tests/fuzz/options-seeds tests/fuzz/rules.mk
	tests/fuzz/options-seeds $@

$(FUZZ)/rule-seeds $(FUZZ)/dns-seeds: $(FUZZ)/%: tests/fuzz/net-seeds tests/fuzz/rules.mk
	tests/fuzz/net-seeds $* $@

# Snapshots that the program of the ordinary build makes.
$(FUZZ)/snapshot-seeds: tests/fuzz/snapshot-seeds tests/fuzz/rules.mk $(wildcard tests/snapshot/*.c snapshot/*.[ch])
	$(MAKE) --no-print-directory BUILD=build CC=gcc SAN= build/hl
	tests/fuzz/snapshot-seeds build/hl $@ $(FUZZ)/snapshot-world.cpio

# Images of all kinds, and their parts.
$(FUZZ)/image-seeds: tests/fuzz/image-seeds tests/cli/images.py
	tests/fuzz/image-seeds $@

# Policies: the keys of all options, each a word as -dict= takes them, and their values.
fuzz-run-policy: $(FUZZ)/policy-words
$(FUZZ)/policy-words: cli/options.c
	@mkdir -p $(@D)
	sed -nE 's/^\t\{ "([a-z-]+)", .*/"\\"\1\\":"/p' $< >$@

$(FUZZ)/policy-seeds: $(wildcard tests/fuzz/policy-seeds/*)
	@mkdir -p $@
	cp $^ $@

-include $(addprefix $(FUZZ)/,$(addsuffix .c.d,$(FUZZ_TARGETS)))

# The fuzzer of system calls (tests/fuzz/calls/fuzz.h).
#: make fuzz-calls        random typed calls, confined  [TIME=60] [SEED=N] [WORLD=plain|private] [PLATFORM=process] [SAN=...]
#: make fuzz-calls-all    the same with each sanitizer on each platform
TIME  ?= 60
WORLD ?= mixed
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

# A sandbox a minute, of which starts and ends are tried, too, and where WORLD is mixed every other one is private.
fuzz-calls: $(PLAIN) $(CALLS_BINS)
	minutes=$$((($(TIME) + 59) / 60)) && seed=$(or $(SEED),$$(od -An -N4 -tu4 /dev/urandom)) && \
	$(PLAIN) tests/fuzz/calls/run --bins $(CALLS) --platform $(PLATFORM) --world $(WORLD) --jobs 1 \
	    --seconds $$(($(TIME) / minutes)) $$(seq $$seed $$((seed + minutes - 1)))

fuzz-calls-all:
	+@for san in address,undefined thread; do for platform in process kvm; do \
	    $(MAKE) --no-print-directory fuzz-calls SAN=$$san PLATFORM=$$platform || failed=1; done; done; [ -z "$$failed" ]
