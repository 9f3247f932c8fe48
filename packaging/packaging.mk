# SPDX-License-Identifier: MIT
# What is installed, and the packages.

PREFIX := /usr
LIBDIR = $(PREFIX)/lib
SYSCONFDIR := /etc
DESTDIR :=
# the folder in which zsh looks; Debian's packages use share/zsh/vendor-completions
ZSH_FOLDER = $(PREFIX)/share/zsh/site-functions
UNIT_FOLDER = $(PREFIX)/lib/systemd
MAN_PAGES := $(wildcard packaging/man/*.[1-8])
CONFIG := $(B)/poolscope.conf
INSTALLED = $(B)/poolscope $(COMPLETIONS) $(SHIM) $(SDK_HEADER) $(B)/include/poolscope-page.h $(B)/include/poolscope-usdt.h $(B)/pkgconfig/poolscope.pc \
	$(B)/pkgconfig/poolscope-usdt.pc $(CONFIG)

.PHONY: installed
installed: # build what is installed and nothing else
installed: $(INSTALLED)

.PHONY: install
install: # put all that packages ship below DESTDIR: PREFIX (/usr), LIBDIR, SYSCONFDIR (/etc); the agent looks for recipes below /usr alone
install: $(INSTALLED)
	install -D -m 755 $(B)/poolscope $(DESTDIR)$(PREFIX)/bin/poolscope
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/poolscope/recipes.d agent/recipes/*.recipe
	@for p in $(MAN_PAGES); do echo install $$p; install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man$${p##*.} $$p || exit 1; done
	install -D -m 644 $(B)/completion/poolscope.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/poolscope
	install -D -m 644 -t $(DESTDIR)$(ZSH_FOLDER) $(B)/completion/_poolscope
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d $(B)/completion/poolscope.fish
	install -D -m 644 $(CONFIG) $(DESTDIR)$(SYSCONFDIR)/poolscope/poolscope.conf
	install -d -m 755 $(DESTDIR)$(SYSCONFDIR)/poolscope/recipes.d
	install -D -m 644 -t $(DESTDIR)$(UNIT_FOLDER)/system packaging/systemd/poolscope.service
	install -D -m 755 -t $(DESTDIR)$(UNIT_FOLDER)/system-generators packaging/systemd/poolscope-generator
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/poolscope/systemd packaging/systemd/before-6.6.conf
	install -D -m 644 packaging/systemd/poolscope.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/poolscope.conf
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/poolscope/grafana packaging/grafana/*.json
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/poolscope/prometheus packaging/prometheus/*.yml packaging/prometheus/RUNBOOK.md
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/poolscope/otel packaging/otel/*.yaml
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/include $(addprefix $(B)/include/,poolscope.h poolscope-page.h poolscope-usdt.h)
	install -D -m 644 $(SHIM) $(DESTDIR)$(LIBDIR)/libpoolscope-usdt.so.0
	ln -sf libpoolscope-usdt.so.0 $(DESTDIR)$(LIBDIR)/libpoolscope-usdt.so
	install -D -m 644 -t $(DESTDIR)$(LIBDIR)/pkgconfig $(B)/pkgconfig/poolscope-usdt.pc
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/pkgconfig $(B)/pkgconfig/poolscope.pc

# ---- Debian ----

.PHONY: deb
deb: # Debian packages into build/deb/, from a clean copy of the tree; unit tests are left out unless DEB_BUILD_OPTIONS says otherwise
deb: export DEB_BUILD_OPTIONS ?= nocheck
deb:
	@tools/dev/build-deb $(B)/deb
	@ls $(B)/deb/*.deb

.PHONY: check-deb
check-deb: # Debian packages: the same bytes from another build, hardened, lintian and blhc silent, the SDK in them works
check-deb: deb $(CONFIG) $(SHIM)
	@tools/dev/check-deb $(B)

# ---- RPM ----

.PHONY: rpm
rpm: # a source RPM and binary RPMs into build/rpm/, from a clean copy of the tree
	@tools/dev/build-rpm $(B)/rpm

.PHONY: check-rpm
check-rpm: # the RPMs: built, read by rpmlint, and looked into; and what is wrong in them is found
check-rpm: $(CONFIG)
	@tools/dev/build-rpm $(B)/rpm
	@tools/dev/check-rpm $(B)/rpm
	@tools/dev/check-rpm --self-test $(B)/rpm
