# SPDX-License-Identifier: MIT
# The SDK and the simulator. usdt/poolsim is the same program without the page, poolsim-plain with the SDK compiled out.

SDK := $(addprefix tools/sdk/,poolscope.h poolscope-writer.h poolscope-page.h) bpf/verbs.def

SIM_SRCS := $(wildcard tools/sim/*.c)
SIM_CFLAGS = $(STD) -O2 -g -fno-omit-frame-pointer -pthread $(WARN) -D_GNU_SOURCE -DPOOLSCOPE_LOUD_ -I. $(shell pkg-config --cflags jansson)

$(B)/sim/%.o: tools/sim/%.c
	@mkdir -p $(@D)
	$(CC) $(SIM_CFLAGS) -MMD -MP -c $< -o $@

$(B)/sim-usdt/%.o: tools/sim/%.c
	@mkdir -p $(@D)
	$(CC) $(SIM_CFLAGS) -DPOOLSCOPE_USDT_ONLY -MMD -MP -c $< -o $@

$(B)/sim-plain/%.o: tools/sim/%.c
	@mkdir -p $(@D)
	$(CC) $(SIM_CFLAGS) -DPOOLSCOPE_DISABLE -MMD -MP -c $< -o $@

$(B)/poolsim: $(SIM_SRCS:tools/sim/%.c=$(B)/sim/%.o)
	$(CC) $^ -pthread -ljansson -lm -o $@

$(B)/usdt/poolsim: $(SIM_SRCS:tools/sim/%.c=$(B)/sim-usdt/%.o)
	@mkdir -p $(@D)
	$(CC) $^ -pthread -ljansson -lm -o $@

$(B)/poolsim-plain: $(SIM_SRCS:tools/sim/%.c=$(B)/sim-plain/%.o)
	$(CC) $^ -pthread -ljansson -lm -o $@

# beside the one without the page, for a suite that is run with that
$(B)/usdt/poolsim-plain: $(B)/poolsim-plain
	@mkdir -p $(@D)
	cp $< $@

all: $(B)/poolsim $(B)/usdt/poolsim $(B)/poolsim-plain $(B)/usdt/poolsim-plain

SHIM := $(B)/libpoolscope-usdt.so

$(SHIM): tools/sdk/shim.c tools/sdk/poolscope-usdt.h $(SDK)
	@mkdir -p $(@D)
	$(COMPILE) -fvisibility=hidden $(LINK_LIBRARY) -Wl,-soname,libpoolscope-usdt.so.0 $< -o $@

# What is installed stands alone, in one file: each #include of verbs.def gives way to the rows of the one macro that was defined before it,
# those of the other headers to what they have.
SDK_HEADER := $(B)/include/poolscope.h

$(SDK_HEADER): $(SDK)
	@mkdir -p $(@D)
	awk 'function put(file, line) { while ((getline line < file) > 0) take(line); close(file) } \
		function take(line, row) { \
			if (line ~ /^#include "poolscope-/) put("tools/sdk/" substr(line, 11, length(line) - 11)); \
			else if (line !~ /#include ".*verbs\.def"/) print line; \
			else { \
				while ((getline row < "bpf/verbs.def") > 0) if (index(row, macro "(") == 1) print row; \
				close("bpf/verbs.def"); print "#undef " macro } } \
		/^#define [A-Z_]+\(id, name,/ { macro = $$2; sub(/\(.*/, "", macro) } { take($$0) }' $< > $@

$(B)/include/poolscope-page.h: tools/sdk/poolscope-page.h
	@mkdir -p $(@D)
	cp $< $@

$(B)/include/poolscope-usdt.h: tools/sdk/poolscope-usdt.h
	@mkdir -p $(@D)
	cp $< $@

$(B)/pkgconfig/%.pc: tools/sdk/%.pc.in Makefile
	@mkdir -p $(@D)
	sed 's/@VERSION@/$(VERSION)/; s,@PREFIX@,$(PREFIX),; s,@LIBDIR@,$(LIBDIR),' $< > $@

all: $(SHIM) $(SDK_HEADER) $(B)/include/poolscope-page.h $(B)/include/poolscope-usdt.h $(B)/pkgconfig/poolscope.pc $(B)/pkgconfig/poolscope-usdt.pc

# What each shell looks up is printed by the program itself, so no list of commands and options is written twice.
COMPLETIONS := $(addprefix $(B)/completion/,poolscope.bash _poolscope poolscope.fish)
$(B)/completion/poolscope.bash $(B)/completion/_poolscope: TABLES := sh
$(B)/completion/poolscope.fish: TABLES := fish

$(COMPLETIONS): $(B)/completion/%: packaging/completion/% $(B)/poolscope
	@mkdir -p $(@D)
	$(B)/poolscope completion $(TABLES) > $@.tables
	sed -e '/^@TABLES@$$/{r $@.tables' -e 'd}' $< > $@
	@rm -f $@.tables

all: $(COMPLETIONS)

# The configuration that packages ship: every key of the agent's list, commented out.
$(B)/conf-file: tools/conf/main.c agent/config/config_keys.def
	@mkdir -p $(@D)
	$(COMPILE) -fPIE -pie $(LINK_RULES) $(LDFLAGS) $< -o $@

$(B)/poolscope.conf: $(B)/conf-file
	$< > $@

all: $(B)/poolscope.conf
