# SPDX-License-Identifier: Apache-2.0
.PHONY: bench

# Static, so that a guest's start is that of the program alone.
$(BUILD)/bench/micro $(BUILD)/bench/beside: $(BUILD)/bench/%: bench/%.c bench/bench.h
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O2 -D_GNU_SOURCE $(WARNINGS) -static -pthread $< -o $@

# make bench BENCH=--json, or a name: make bench BENCH=fork-exec
bench: $(BUILD)/hl $(BUILD)/bench/micro $(BUILD)/bench/beside
	@scripts/setup bench
	@bench/run --hl $(BUILD)/hl --micro $(BUILD)/bench/micro --beside $(BUILD)/bench/beside $(BENCH)
