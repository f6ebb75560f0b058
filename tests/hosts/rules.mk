# SPDX-License-Identifier: Apache-2.0
# The process platform on hosts that deny or lack something: make check-hosts [ONLY='PATTERN']

HOSTS_TESTS := $(BUILD)/tests/hosts

$(HOSTS_TESTS)/deny: tests/lib/deny.c sys/syscalls.def
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) -static -iquote . -o $@ $<

$(HOSTS_TESTS)/threads: tests/hosts/threads.c
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) -static -o $@ $< -pthread

.PHONY: check-hosts
check-hosts check-prepare: $(PLAIN) $(BUILD)/hl $(HOSTS_TESTS)/deny $(HOSTS_TESTS)/threads
check-hosts:
	$(PLAIN) tests/hosts/run --hl $(BUILD)/hl --bins $(HOSTS_TESTS) $(if $(ONLY),--only '$(ONLY)')
