# SPDX-License-Identifier: Apache-2.0
# The vDSO is an image of its own, which vdso_image.S takes in. $(VDSO)/rules.mk says how the CPU's is built.
VDSO := arch/$(ARCH)/vdso
VDSO_FLAGS := -std=gnu17 $(WARNINGS) -D_GNU_SOURCE -O2 -g0 -iquote . -fPIC -ffreestanding -fno-stack-protector -fomit-frame-pointer \
              -fno-jump-tables -fasynchronous-unwind-tables -nostdlib -shared \
              -Wl,-T,$(VDSO)/vdso.lds -Wl,-soname,linux-vdso.so.1 -Wl,--hash-style=both -Wl,--build-id=sha1 \
              -Wl,--eh-frame-hdr -Wl,-Bsymbolic -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack -Wl,--no-undefined
VDSO_SRCS := $(wildcard $(VDSO)/*.c $(VDSO)/*.S)
include $(VDSO)/rules.mk

$(BUILD)/gen/vdso.so: $(VDSO_SRCS) $(VDSO)/vdso.lds $(wildcard arch/*.h arch/$(ARCH)/*.h) arch/vdso.mk $(VDSO)/rules.mk
	@mkdir -p $(@D)
	$(CC) $(VDSO_FLAGS) -o $@ $(VDSO_SRCS)

$(BUILD)/arch/vdso_image.S.o: $(BUILD)/gen/vdso.so
$(BUILD)/arch/vdso_image.S.o: HL_CFLAGS += -DVDSO_IMAGE='"$(BUILD)/gen/vdso.so"'
