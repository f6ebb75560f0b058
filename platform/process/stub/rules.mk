# SPDX-License-Identifier: Apache-2.0
# The stub is an executable of its own, which stub_image.S takes in. Its addresses come back as constants for the monitor.
STUB := platform/process/stub

$(BUILD)/gen/stub: $(STUB)/stub.S platform/process/layout.h $(STUB)/rules.mk
	@mkdir -p $(@D)
	$(call say,STUB,$@)$(CC) -iquote . -nostdlib -static -no-pie -Wl,-Ttext-segment=0x7fffc0000000 -Wl,--build-id=none -Wl,--defsym=stub_sigreturn_low=stub_sigreturn_ip-0x7fff00000000 -Wl,--defsym=stub_altstack_low=stub_altstack_ip-0x7fff00000000 \
	    -Wl,-z,noseparate-code -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack -o $@ $<

$(BUILD)/gen/stub_symbols.h: $(BUILD)/gen/stub
	nm $< | sed -n 's/^\([0-9a-f]*\) [A-Za-z] \(stub_[a-z_]*\)$$/#define \U\2\E_ADDR 0x\1UL/p' > $@

$(BUILD)/platform/process/stub_image.S.o: $(BUILD)/gen/stub
$(BUILD)/platform/process/stub_image.S.o: HL_CFLAGS += -DSTUB_IMAGE='"$(BUILD)/gen/stub"'
$(patsubst %,$(BUILD)/%.o,$(wildcard platform/process/*.c)): $(BUILD)/gen/stub_symbols.h
