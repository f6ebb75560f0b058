# SPDX-License-Identifier: Apache-2.0
.PHONY: bench

# Static, so that a guest's start is that of the program alone.
$(addprefix $(BUILD)/bench/,micro beside scale): $(BUILD)/bench/%: bench/%.c bench/bench.h
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O2 -D_GNU_SOURCE $(WARNINGS) -static -pthread $< -o $@

# make bench-loopback [PLATFORM=kvm]: a private loopback against the host's, both under hl.
$(BUILD)/bench/loopback: bench/loopback.c
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O2 -D_GNU_SOURCE $(WARNINGS) -static -pthread $< -o $@
.PHONY: bench-loopback
bench-loopback: $(BUILD)/hl $(BUILD)/bench/loopback
	@bench/loopback.sh $(BUILD)/hl $(BUILD)/bench/loopback $(PLATFORM)

#: make bench             native, hl, bubblewrap, proot and gVisor's runsc side by side
#:                        [BENCH='--json', a row or a group: bench/run --help]
BENCH_PROGRAMS := $(addprefix $(BUILD)/bench/,micro beside scale)
bench: $(BUILD)/hl $(BENCH_PROGRAMS) $(BUILD)/bench/snapshot
	@scripts/setup bench
	@bench/run --hl $(BUILD)/hl --bin $(BUILD)/bench $(BENCH)
	@[ -n "$(BENCH)" ] || bench/snapshot.sh $(BUILD)/bench/snapshot $(BUILD)/hl

#: make bench-page        the same as one page of plots, build/bench/page.html  [REPORT=file of --json] [BENCH='calls -beside']
$(BUILD)/bench/page: bench/page.c bench/bench.h cli/page.h $(BUILD)/cli/page.c.o
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O2 -D_GNU_SOURCE $(WARNINGS) -iquote . $< $(BUILD)/cli/page.c.o -o $@ -ljson-c -lm
.PHONY: bench-page
bench-page: $(BUILD)/hl $(BENCH_PROGRAMS) $(BUILD)/bench/page
ifeq ($(REPORT),)
	@scripts/setup bench
	@bench/run --hl $(BUILD)/hl --bin $(BUILD)/bench --json $(BENCH) > $(BUILD)/bench/report.json; failed=$$?; \
	$(BUILD)/bench/page $(BUILD)/bench/report.json $(BUILD)/bench/page.html && exit $$failed
else
	@$(BUILD)/bench/page $(REPORT) $(BUILD)/bench/page.html
endif
	@echo $(BUILD)/bench/page.html

# make bench-warm [PLATFORM=kvm]: warm runtimes, beside cold ones.
.PHONY: bench-warm
bench-warm: $(BUILD)/pyhl $(BUILD)/libhl.so
	@scripts/setup bench
	@bench/warm $(BUILD) $(PLATFORM)

# make bench-worlds [PLATFORM=kvm]: private worlds against plain ones.
.PHONY: bench-worlds
bench-worlds: $(BUILD)/hl $(BUILD)/bench/micro
	@bench/worlds $(BUILD)/hl $(BUILD)/bench/micro $(PLATFORM)

# make bench-snapshot [PLATFORM=kvm]: copies of a warm python with numpy, in a program that embeds the library.
$(BUILD)/bench/snapshot: bench/snapshot.c bench/bench.h include/hl.h $(BUILD)/libhl.a
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O2 -D_GNU_SOURCE $(WARNINGS) -iquote include -static -pthread $< -o $@ $(BUILD)/libhl.a $(HL_LIBS)
.PHONY: bench-snapshot
bench-snapshot: $(BUILD)/hl $(BUILD)/bench/snapshot
	@scripts/setup bench
	@bench/snapshot.sh $(BUILD)/bench/snapshot $(BUILD)/hl $(PLATFORM)

# make bench-server [PLATFORM=kvm]: a server that gives each request a fresh copy.
$(BUILD)/bench/server: examples/fresh-server/server.c include/hl.h $(BUILD)/libhl.a
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O2 $(WARNINGS) -Iinclude -o $@ $< $(BUILD)/libhl.a $(HL_LIBS) -pthread
.PHONY: bench-server
bench-server: $(BUILD)/bench/server
	@scripts/setup bench
	@bench/server.sh $(BUILD)/bench/server $(PLATFORM)
