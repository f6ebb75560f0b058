# SPDX-License-Identifier: Apache-2.0
# Everything is built under $(BUILD). `make help` lists the targets.

BUILD   ?= build
# CC (like AR and LD) has a value of make's own, which ?= leaves alone.
ifeq ($(origin CC),default)
CC      := gcc
endif
OBJCOPY ?= objcopy
STRIP   ?= strip
PREFIX  ?= /usr/local
VERSION := 0.1.0

# SAN=address,undefined or SAN=thread gives a sanitizer build, LOCKS=1 one that checks locks (util/lock.h): each with
# its own BUILD unless one is named.
SAN     ?=
LOCKS   ?=
OPT     ?= -O2
comma   := ,
ifneq ($(SAN)$(LOCKS),)
ifeq ($(origin BUILD),file)
BUILD   := build/$(subst $(comma),-,$(SAN))$(if $(LOCKS),locks)
endif
endif

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wpointer-arith \
            -Wcast-qual -Wwrite-strings -Wundef -Wvla -Wformat=2 -Wimplicit-fallthrough -Wno-unused-parameter -Werror

CFLAGS  ?= $(OPT) -g
HL_CFLAGS := -std=gnu17 -fPIE -fvisibility=hidden -fno-strict-aliasing -fno-common -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections \
             -pthread $(WARNINGS) -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DHL_VERSION='"$(VERSION)"' \
             -iquote . -iquote include -iquote $(BUILD)/gen
LDFLAGS_HL := -static-pie -pthread -Wl,-z,relro,-z,now,--gc-sections,-z,pack-relative-relocs
ifneq ($(SAN),)
# The sanitizers' run-time libraries do not work in a static program.
HL_CFLAGS += -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
LDFLAGS_HL := -pie -pthread -fsanitize=$(SAN)
endif
ifneq ($(LOCKS),)
HL_CFLAGS += -DHL_LOCKS
endif

# What libhl needs besides the C library.
HL_LIBS := -lzstd -lz
# ... and the command line besides that.
CLI_LIBS := -ljson-c -lmd

# V=1 shows the commands, -s shows nothing.
ifeq ($(V),)
ifeq ($(findstring s,$(firstword -$(MAKEFLAGS))),)
say = @printf '  %-4s %s\n' $(1) $(2);
else
say = @
endif
endif

# The CPU that is compiled for, which is that of guests: a folder of arch/.
ARCH := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))

# What runs guests of that CPU. Where nothing does, the library is complete but for that, and says so.
ifeq ($(ARCH),x86_64)
PLATFORM_DIRS := platform/kvm platform/process
else
PLATFORM_DIRS := platform/none
endif

# A folder's sources are whatever lies in it: a new file needs no line here.
LIB_DIRS := util arch arch/$(ARCH) host platform $(PLATFORM_DIRS) mm cred keys fs fs/* ipc net kernel kernel/ptrace kernel/seccomp kernel/tty loader proc sys trace debug snapshot lib jail
LIB_SRCS := $(sort $(foreach d,$(LIB_DIRS),$(wildcard $(d)/*.c) $(wildcard $(d)/*.S)))
ifeq ($(PLATFORM_DIRS),platform/none)
LIB_SRCS := $(filter-out platform/choose.c,$(LIB_SRCS))
endif
CLI_SRCS := $(wildcard cli/*.c image/*.c)
LIB_OBJS := $(LIB_SRCS:%=$(BUILD)/%.o)
CLI_OBJS := $(CLI_SRCS:%=$(BUILD)/%.o)
# What the command line uses of util/, which libhl does not show.
CLI_UTIL := $(BUILD)/util/errmsg.c.o

.PHONY: all lib clean docs help
all: $(BUILD)/hl $(BUILD)/pyhl

help:
	@sed -n 's/^#: //p' $(MAKEFILE_LIST)

#: make                   build/hl, one static executable; build/hl.debug is the same with symbols
#: make CC=clang          ... with another compiler
#: make SAN=address,undefined | SAN=thread    ... under build/address-undefined, build/thread
#: make LOCKS=1           ... that checks the order of locks as it runs, under build/locks
#: make lib               build/libhl.a, the library behind include/hl.h
lib: $(BUILD)/libhl.a

# What runs once, to tell somebody something, or to copy what a file or a socket holds, is better small than fast: the executable may
# have 2.5 MB. -O2 are the ways that every call, fault and wait takes.
COLD_DIRS := cli image lib jail trace debug proc snapshot sys loader ipc keys cred net kernel/ptrace kernel/seccomp kernel/tty fs/cpiofs fs/overlay fs/ramfs platform/kvm
COLD_FILES := mm/policy mm/seal kernel/coredump kernel/elfcore mm/dump
$(COLD_DIRS:%=$(BUILD)/%/%.c.o) $(COLD_FILES:%=$(BUILD)/%.c.o): OPT := -Os

# Another compiler or other flags: everything anew. Another way to write the same BUILD is no other flag.
FLAGS := $(CC) $(subst $(BUILD)/gen,gen,$(HL_CFLAGS)) $(CFLAGS) $(LDFLAGS_HL) $(COLD_DIRS) $(COLD_FILES)
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(FLAGS))' | cmp -s - $@ || echo '$(subst ','\'',$(FLAGS))' > $@
FORCE:

$(BUILD)/%.c.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(HL_CFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/%.S.o: %.S $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,AS,$<)$(CC) $(HL_CFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

# One object in which only what hl.h declares can be seen: names of ours cannot clash with those of a program that
# embeds us. Tests of the parts link $(BUILD)/internal.a.
$(BUILD)/libhl.o: $(LIB_OBJS)
	$(call say,LD,$@)$(LD) -r -o $@.all $^ && $(OBJCOPY) --localize-hidden $@.all $@
	@rm -f $@.all

$(BUILD)/libhl.a: $(BUILD)/libhl.o
	@rm -f $@
	$(call say,AR,$@)$(AR) rcs $@ $^

$(BUILD)/internal.a: $(LIB_OBJS)
	@rm -f $@
	$(call say,AR,$@)$(AR) rcs $@ $^

# Where a static executable begins, if not with the C library.
ENTRY := $(if $(SAN),,$(wildcard arch/$(ARCH)/start/entry.S))

# The command line is a client of the library like any other.
$(BUILD)/hl.debug: $(CLI_OBJS) $(CLI_UTIL) $(ENTRY:%=$(BUILD)/%.o) $(BUILD)/libhl.a cli/unwind.ld
	$(call say,LD,$@)$(CC) $(LDFLAGS_HL) $(if $(SAN),,-Wl$(comma)--no-eh-frame-hdr$(comma)-T$(comma)cli/unwind.ld) $(if $(ENTRY),-Wl$(comma)-e$(comma)entry_prefaulted) -o $@ $(filter-out %.ld,$^) $(CLI_LIBS) $(HL_LIBS) -lm $(LDLIBS)

# The same executable by another name.
$(BUILD)/pyhl: $(BUILD)/hl
	@ln -sf hl $@

$(BUILD)/hl: $(BUILD)/hl.debug
	$(call say,STRIP,$@)$(STRIP) -o $@ $<

#: make docs              docs/syscalls.md, and the table of the jail in docs/security.md
docs: $(BUILD)/gen/jail-generate
	scripts/syscalls-doc > docs/syscalls.md
	scripts/jail-doc $(BUILD)/gen/jail-generate

#: make compile_commands.json    for editors and clang tools
.PHONY: compile_commands.json
compile_commands.json:
	@scripts/compile-commands '$(CC) $(HL_CFLAGS) $(CFLAGS)' $(filter %.c,$(LIB_SRCS) $(CLI_SRCS)) > $@

include lib/drivers/rules.mk

include arch/vdso.mk
ifneq ($(PLATFORM_DIRS),platform/none)
include platform/process/stub/rules.mk
endif
include jail/filter/rules.mk
include scripts/shared.mk
include scripts/install.mk
include scripts/check.mk

# Each test suite has its targets beside it.
-include $(wildcard tests/*/rules.mk bench/rules.mk scripts/rules.mk)

#: make clean
clean:
	rm -rf build build-*

-include $(LIB_OBJS:.o=.d) $(CLI_OBJS:.o=.d)
