# SPDX-License-Identifier: Apache-2.0
# Programs for another CPU: the cases of coreutils and busybox (tests/programs) natively with the machine's programs, and
# under hl with Debian's arm64 ones, which qemu-user translates. Needs the distribution's mirror once, and some minutes.
#
#   make check-foreign [ONLY=coreutils:cat/*]

FOREIGN := $(BUILD)/tests/foreign
# All but arch, which differs, and chroot, into which the cases copy a busybox of arm64 and no translator.
FOREIGN_CASES := coreutils:[!ac]* coreutils:a[!r]* coreutils:c[!h]* coreutils:ch[!r]* busybox

$(FOREIGN)/hl: tests/foreign/rules.mk
	@mkdir -p $(@D)
	printf '#!/bin/sh\nexec %s --sysroot %s "$$@"\n' $(abspath $(BUILD)/hl) $(abspath $(FOREIGN)/arm64/root) >$@
	chmod +x $@

.PHONY: check-foreign
check-foreign: $(PLAIN) $(BUILD)/hl $(FOREIGN)/hl
	tests/foreign/fetch $(FOREIGN)/arm64
	$(PLAIN) tests/programs/run --hl $(FOREIGN)/hl --platform $(PLATFORM) $(or $(ONLY),$(FOREIGN_CASES:%='%'))
