# SPDX-License-Identifier: MIT
# The SDK and the simulator. poolsim-plain is the same program with the SDK compiled out.

SIM_SRCS := $(wildcard tools/sim/*.c)
SIM_CFLAGS = $(STD) -O2 -g -fno-omit-frame-pointer -pthread $(WARN) -D_GNU_SOURCE -I. $(shell pkg-config --cflags jansson)

$(B)/sim/%.o: tools/sim/%.c
	@mkdir -p $(@D)
	$(CC) $(SIM_CFLAGS) -MMD -MP -c $< -o $@

$(B)/sim-plain/%.o: tools/sim/%.c
	@mkdir -p $(@D)
	$(CC) $(SIM_CFLAGS) -DPOOLSCOPE_DISABLE -MMD -MP -c $< -o $@

$(B)/poolsim: $(SIM_SRCS:tools/sim/%.c=$(B)/sim/%.o)
	$(CC) $^ -pthread -ljansson -lm -o $@

$(B)/poolsim-plain: $(SIM_SRCS:tools/sim/%.c=$(B)/sim-plain/%.o)
	$(CC) $^ -pthread -ljansson -lm -o $@

all: $(B)/poolsim $(B)/poolsim-plain

SHIM := $(B)/libpoolscope-usdt.so

$(SHIM): tools/sdk/shim.c tools/sdk/poolscope.h tools/sdk/poolscope-usdt.h
	@mkdir -p $(@D)
	$(CC) $(STD) -O2 -g $(WARN) -fPIC -fvisibility=hidden -I. -shared -Wl,-soname,libpoolscope-usdt.so.0 $< -o $@

$(B)/pkgconfig/%.pc: tools/sdk/%.pc.in Makefile
	@mkdir -p $(@D)
	sed 's/@VERSION@/$(VERSION)/' $< > $@

all: $(SHIM) $(B)/pkgconfig/poolscope.pc $(B)/pkgconfig/poolscope-usdt.pc
