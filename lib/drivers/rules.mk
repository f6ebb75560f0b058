# SPDX-License-Identifier: Apache-2.0
# Drivers are taken in as they are, but for that of node: the addon that it needs stands in front of it.
NODE_SEED_FLAGS := -std=gnu17 $(WARNINGS) -D_GNU_SOURCE -Os -g0 -fPIC -fno-stack-protector -fno-asynchronous-unwind-tables -nostdlib \
                   -shared -Wl,-s,--hash-style=gnu,--build-id=none,-z,noseparate-code,-z,noexecstack,-z,norelro

$(BUILD)/gen/node_seed.so: lib/drivers/node_seed.c lib/drivers/rules.mk
	@mkdir -p $(@D)
	$(CC) $(NODE_SEED_FLAGS) -o $@ $<

$(BUILD)/gen/node.js: lib/drivers/node.js $(BUILD)/gen/node_seed.so
	@{ printf "const addon = '"; base64 -w 0 $(BUILD)/gen/node_seed.so; printf "';"; cat $<; } >$@.tmp && mv $@.tmp $@

$(BUILD)/lib/drivers.S.o: $(wildcard lib/drivers/*) $(BUILD)/gen/node.js
$(BUILD)/lib/drivers.S.o: HL_CFLAGS += -DNODE_DRIVER='"$(BUILD)/gen/node.js"'
