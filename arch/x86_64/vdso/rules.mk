# SPDX-License-Identifier: Apache-2.0
# The vDSO is an image of its own, which vdso_image.S takes in.
VDSO := arch/x86_64/vdso

VDSO_HEADERS := $(wildcard arch/*.h arch/x86_64/*.h)

$(BUILD)/gen/vdso.so: $(VDSO)/vdso.c $(VDSO)/vdso.lds $(VDSO_HEADERS) $(VDSO)/rules.mk
	@mkdir -p $(@D)
	$(CC) -std=gnu17 $(WARNINGS) -D_GNU_SOURCE -O2 -g0 -iquote . -fPIC -ffreestanding -fno-stack-protector -fomit-frame-pointer \
	    -fno-jump-tables -fasynchronous-unwind-tables -mno-sse -fcf-protection=none -nostdlib -shared \
	    -Wl,-T,$(VDSO)/vdso.lds -Wl,-soname,linux-vdso.so.1 -Wl,--hash-style=both -Wl,--build-id=sha1 \
	    -Wl,--eh-frame-hdr -Wl,-Bsymbolic -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack -Wl,--no-undefined -o $@ $<

$(BUILD)/arch/x86_64/vdso_image.S.o: $(BUILD)/gen/vdso.so
$(BUILD)/arch/x86_64/vdso_image.S.o: HL_CFLAGS += -DVDSO_IMAGE='"$(BUILD)/gen/vdso.so"'
