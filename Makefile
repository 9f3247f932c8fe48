# SPDX-License-Identifier: MIT
# Poolscope. One non-recursive Makefile; each folder adds what it holds in a fragment. `make help` lists the targets.

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all

VERSION := 0.1.0
B := build
CC := gcc
CLANG := clang
PROTOC_C := protoc-c
BPFTOOL := $(or $(wildcard /usr/sbin/bpftool),bpftool)
PKGS := libbpf libelf zlib libmicrohttpd gnutls jansson libcurl libprotobuf-c yaml-0.1 libcrypt ncursesw libcap capstone libdw
# without it the log of findings is plain lines
ifneq ($(shell pkg-config --exists libsystemd 2>/dev/null && echo yes),)
PKGS += libsystemd
HAVE_LIBSYSTEMD := -DHAVE_LIBSYSTEMD
endif
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS = $(shell pkg-config --libs $(PKGS) 2>/dev/null) -linih

WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wpointer-arith -Wwrite-strings -Wvla \
	-Wformat=2 -Werror=unused-function -Werror=implicit-function-declaration -Werror=incompatible-pointer-types -Werror
CPPFLAGS = -D_GNU_SOURCE -DPOOLSCOPE_VERSION='"$(VERSION)"' -I. -Iagent -I$(B)/gen $(HAVE_LIBSYSTEMD)
CFLAGS ?= -O2 -g
STD := -std=gnu11 -fno-common
HARDEN := -fstack-protector-strong -fPIE -D_FORTIFY_SOURCE=2 -Wdate-time
LDFLAGS ?= -pie -Wl,-z,relro,-z,now -Wl,--as-needed
SAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer

.PHONY: all
all: # build everything into build/
all:

include bpf/bpf.mk
include agent/agent.mk
include tools/tools.mk
include tests/tests.mk
include tests/receivers.mk
include tests/integration.mk
include tests/checks.mk

.PHONY: help
help: # print this list
	@echo "Poolscope: what is happening inside the pools of that process?"
	@sed -nE 's/^([a-z][a-z-]*): # (.*)/\1|\2/p' $(filter Makefile %.mk,$(MAKEFILE_LIST)) | sort -u | awk -F'|' '{ printf "  %-18s %s\n", $$1, $$2 }'

.PHONY: deps
deps: # install the packages that are missing (Debian; needs root)
	@tools/dev/install-deps build

.PHONY: demo
demo: # install what is missing, build, and show the live view of a simulated load (needs root)
	@tools/dev/demo

PREFIX := /usr
DESTDIR :=
# the folder in which zsh looks; Debian's packages use share/zsh/vendor-completions
ZSH_FOLDER = $(PREFIX)/share/zsh/site-functions
MAN_PAGES := $(wildcard packaging/man/*.[1-8])

.PHONY: install
install: # put program, recipes, pages, completions and the SDK below DESTDIR/PREFIX (/usr); the agent looks for recipes below /usr alone
install: all
	install -D -m 755 $(B)/poolscope $(DESTDIR)$(PREFIX)/bin/poolscope
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/poolscope/recipes.d agent/recipes/*.recipe
	@for p in $(MAN_PAGES); do echo install $$p; install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man$${p##*.} $$p || exit 1; done
	install -D -m 644 $(B)/completion/poolscope.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/poolscope
	install -D -m 644 -t $(DESTDIR)$(ZSH_FOLDER) $(B)/completion/_poolscope
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d $(B)/completion/poolscope.fish
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/include $(B)/include/poolscope.h $(B)/include/poolscope-usdt.h
	install -D -m 644 $(SHIM) $(DESTDIR)$(PREFIX)/lib/libpoolscope-usdt.so.0
	ln -sf libpoolscope-usdt.so.0 $(DESTDIR)$(PREFIX)/lib/libpoolscope-usdt.so
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/pkgconfig $(B)/pkgconfig/poolscope.pc $(B)/pkgconfig/poolscope-usdt.pc

.PHONY: clean
clean: # remove build/
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' -type f 2>/dev/null)
