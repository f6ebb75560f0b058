# SPDX-License-Identifier: Apache-2.0
# The process platform on hosts that deny or lack something: make check-hosts [ONLY='PATTERN']

HOSTS_TESTS := $(BUILD)/tests/hosts

$(HOSTS_TESTS)/deny: tests/lib/deny.c sys/syscalls.def
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) -static -iquote . -o $@ $<

$(HOSTS_TESTS)/threads: tests/hosts/threads.c
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) -static -o $@ $< -pthread

$(HOSTS_TESTS)/nth: tests/lib/nth.c sys/syscalls.def
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g -D_GNU_SOURCE $(WARNINGS) -static -iquote . -o $@ $<

.PHONY: check-hosts
check-hosts check-prepare: $(PLAIN) $(BUILD)/hl $(addprefix $(HOSTS_TESTS)/,deny nth threads)
check-hosts:
	$(PLAIN) tests/hosts/run --hl $(BUILD)/hl --bins $(HOSTS_TESTS) $(if $(ONLY),--only '$(ONLY)')
