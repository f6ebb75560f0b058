# SPDX-License-Identifier: Apache-2.0
#: make install [PREFIX=/usr/local] [DESTDIR=]    executable, manual page, completions, libraries, header
#: make uninstall
.PHONY: install uninstall
BASH_COMPLETIONS ?= $(PREFIX)/share/bash-completion/completions
ZSH_COMPLETIONS  ?= $(PREFIX)/share/zsh/site-functions
FISH_COMPLETIONS ?= $(PREFIX)/share/fish/vendor_completions.d
INSTALLED := $(PREFIX)/bin/hl $(PREFIX)/bin/pyhl $(PREFIX)/share/man/man1/hl.1 $(PREFIX)/share/man/man1/pyhl.1 \
             $(BASH_COMPLETIONS)/hl $(BASH_COMPLETIONS)/pyhl $(ZSH_COMPLETIONS)/_hl $(ZSH_COMPLETIONS)/_pyhl \
             $(FISH_COMPLETIONS)/hl.fish $(FISH_COMPLETIONS)/pyhl.fish $(PREFIX)/include/hl.h $(PREFIX)/lib/libhl.a $(PREFIX)/lib/libhl.so.$(VERSION) \
             $(PREFIX)/lib/$(SONAME) $(PREFIX)/lib/libhl.so $(PREFIX)/share/man/man3/hl.3 $(PREFIX)/lib/pkgconfig/hl.pc

$(BUILD)/hl.pc: scripts/hl.pc.in
	@mkdir -p $(@D)
	sed 's,@PREFIX@,$(PREFIX),; s,@VERSION@,$(VERSION),' $< > $@

install: $(BUILD)/hl $(BUILD)/libhl.a $(BUILD)/$(SONAME) $(BUILD)/hl.pc
	install -D -m 755 $(BUILD)/hl $(DESTDIR)$(PREFIX)/bin/hl
	ln -sf hl $(DESTDIR)$(PREFIX)/bin/pyhl
	install -D -m 644 docs/hl.1 $(DESTDIR)$(PREFIX)/share/man/man1/hl.1
	install -D -m 644 docs/pyhl.1 $(DESTDIR)$(PREFIX)/share/man/man1/pyhl.1
	install -D -m 644 completions/pyhl.bash $(DESTDIR)$(BASH_COMPLETIONS)/pyhl
	install -D -m 644 completions/_pyhl $(DESTDIR)$(ZSH_COMPLETIONS)/_pyhl
	install -D -m 644 completions/pyhl.fish $(DESTDIR)$(FISH_COMPLETIONS)/pyhl.fish
	install -D -m 644 completions/hl.bash $(DESTDIR)$(BASH_COMPLETIONS)/hl
	install -D -m 644 completions/_hl $(DESTDIR)$(ZSH_COMPLETIONS)/_hl
	install -D -m 644 completions/hl.fish $(DESTDIR)$(FISH_COMPLETIONS)/hl.fish
	install -D -m 644 include/hl.h $(DESTDIR)$(PREFIX)/include/hl.h
	install -D -m 644 $(BUILD)/libhl.a $(DESTDIR)$(PREFIX)/lib/libhl.a
	$(STRIP) -g -o $(BUILD)/$(SONAME).stripped $(BUILD)/$(SONAME)
	install -D -m 755 $(BUILD)/$(SONAME).stripped $(DESTDIR)$(PREFIX)/lib/libhl.so.$(VERSION)
	ln -sf libhl.so.$(VERSION) $(DESTDIR)$(PREFIX)/lib/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(PREFIX)/lib/libhl.so
	install -D -m 644 docs/hl.3 $(DESTDIR)$(PREFIX)/share/man/man3/hl.3
	install -D -m 644 $(BUILD)/hl.pc $(DESTDIR)$(PREFIX)/lib/pkgconfig/hl.pc

uninstall:
	rm -f $(addprefix $(DESTDIR),$(INSTALLED))
