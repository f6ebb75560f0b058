# SPDX-License-Identifier: Apache-2.0
#: make shared            build/libhl.so, the same library as a shared object, for programs in other languages
# Compiled once more, because a shared object addresses its data in another way. Thread-local variables are where the
# loader puts them at the start: handlers of faults read them, and must not allocate.
SONAME   := libhl.so.0
PIC_OBJS := $(patsubst $(BUILD)/%.c.o,$(BUILD)/pic/%.c.o,$(LIB_OBJS))

# What is generated for an object is there when that is.
$(BUILD)/pic/%.c.o: %.c $(BUILD)/%.c.o
	@mkdir -p $(@D)
	$(call say,PIC,$<)$(CC) $(HL_CFLAGS) -fPIC -ftls-model=initial-exec $(CFLAGS) -MMD -MP -c $< -o $@
$(COLD_DIRS:%=$(BUILD)/pic/%/%.c.o) $(COLD_FILES:%=$(BUILD)/pic/%.c.o): OPT := -Os

$(BUILD)/$(SONAME): $(PIC_OBJS) lib/libhl.map
	$(call say,LD,$@)$(CC) -shared -pthread $(if $(SAN),-fsanitize=$(SAN)) -Wl,-soname,$(SONAME),--version-script=lib/libhl.map \
	    -Wl,-z,relro,-z,now,-z,defs,--gc-sections -o $@ $(PIC_OBJS) $(HL_LIBS)

$(BUILD)/libhl.so: $(BUILD)/$(SONAME)
	@ln -sf $(SONAME) $@

.PHONY: shared
shared: $(BUILD)/libhl.so

-include $(PIC_OBJS:.o=.d)
