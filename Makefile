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

# packages are built by compilers that nobody has tried yet
WERROR := -Werror
WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wpointer-arith -Wwrite-strings -Wvla \
	-Wformat=2 -Werror=unused-function -Werror=implicit-function-declaration -Werror=incompatible-pointer-types $(WERROR)
# CPPFLAGS, CFLAGS and LDFLAGS are the packager's or the user's, and come after ours; fortifying is theirs alone where they speak of it
CFLAGS ?= -O2 -g
CPPFLAGS ?=
LDFLAGS ?=
STD := -std=gnu11 -fno-common
DEFS = -D_GNU_SOURCE -DPOOLSCOPE_LOUD_ -DPOOLSCOPE_VERSION='"$(VERSION)"' -I. -Iagent -I$(B)/gen $(HAVE_LIBSYSTEMD)
FORTIFY = $(if $(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS))$(filter -O0,$(CFLAGS)),,-D_FORTIFY_SOURCE=2)
HARDEN = -fstack-protector-strong -Wdate-time $(FORTIFY)
# how what is installed is compiled, linked to a program, and to a library
COMPILE = $(CC) $(STD) $(WARN) $(HARDEN) $(DEFS) $(CPPFLAGS) $(CFLAGS)
LINK_RULES := -Wl,-z,relro,-z,now -Wl,--as-needed
LINK = $(CC) $(CFLAGS) -fPIE -pie $(LINK_RULES) $(LDFLAGS)
LINK_LIBRARY = -fPIC -shared $(LINK_RULES) $(LDFLAGS)
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

include packaging/packaging.mk

.PHONY: clean
clean: # remove build/
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' -type f 2>/dev/null)
