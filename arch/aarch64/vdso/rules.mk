# SPDX-License-Identifier: Apache-2.0
VDSO_FLAGS += -mgeneral-regs-only -mbranch-protection=none

# Handlers without SA_RESTORER return into the image.
$(BUILD)/gen/vdso_symbols.h: $(BUILD)/gen/vdso.so
	nm -D $< | sed -nE 's/^([0-9a-f]+) T __kernel_rt_sigreturn.*/#define VDSO_SIGRETURN 0x\1UL/p' > $@
	@grep -q VDSO_SIGRETURN $@
$(BUILD)/arch/aarch64/sigframe.c.o: $(BUILD)/gen/vdso_symbols.h
