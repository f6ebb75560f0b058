# SPDX-License-Identifier: Apache-2.0
# Everything is built under $(BUILD). `make help` lists the targets.

BUILD   ?= build
CC      ?= gcc
AR      ?= ar
PREFIX  ?= /usr/local
VERSION := 0.1.0

# SAN=address,undefined or SAN=thread gives a sanitizer build; use another BUILD for it.
SAN     ?=
OPT     ?= -O2

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wpointer-arith \
            -Wcast-qual -Wwrite-strings -Wundef -Wvla -Wformat=2 -Wimplicit-fallthrough -Wno-unused-parameter -Werror

CFLAGS  ?= $(OPT) -g
HL_CFLAGS := -std=gnu17 -fPIE -fvisibility=hidden -fno-strict-aliasing -fno-common -pthread $(WARNINGS) \
             -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DHL_VERSION='"$(VERSION)"' -iquote . -iquote include -iquote $(BUILD)/gen
LDFLAGS_HL := -static-pie -pthread -Wl,-z,relro,-z,now,--gc-sections
ifneq ($(SAN),)
HL_CFLAGS += -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
LDFLAGS_HL := -pie -pthread -fsanitize=$(SAN)
endif

# A folder's sources are whatever lies in it: a new file needs no line here.
LIB_DIRS := util arch/x86_64 host platform platform/kvm mm fs fs/* net kernel loader proc sys snapshot lib jail
LIB_SRCS := $(sort $(foreach d,$(LIB_DIRS),$(wildcard $(d)/*.c) $(wildcard $(d)/*.S)))
CLI_SRCS := $(wildcard cli/*.c)
LIB_OBJS := $(LIB_SRCS:%=$(BUILD)/%.o)
CLI_OBJS := $(CLI_SRCS:%=$(BUILD)/%.o)

.PHONY: all clean docs
all: $(BUILD)/hl

$(BUILD)/%.c.o: %.c
	@mkdir -p $(@D)
	$(CC) $(HL_CFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/%.S.o: %.S
	@mkdir -p $(@D)
	$(CC) $(HL_CFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/libhl.a: $(LIB_OBJS)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/hl: $(CLI_OBJS) $(BUILD)/libhl.a
	$(CC) $(LDFLAGS_HL) -o $@ $^ $(LDLIBS)

docs:
	scripts/syscalls-doc > docs/syscalls.md

include arch/x86_64/vdso/rules.mk

# Each test suite has its targets beside it.
-include $(wildcard tests/*/rules.mk bench/rules.mk scripts/rules.mk)

clean:
	rm -rf build build-*

-include $(LIB_OBJS:.o=.d) $(CLI_OBJS:.o=.d)
