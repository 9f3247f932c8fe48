# SPDX-License-Identifier: MIT
# Tests. A unit test is tests/unit/<module>_test.c, built with ASan + UBSan against the whole agent and cmocka; nothing to list.

UNIT_TESTS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*_test.c))
UNIT_BINS := $(UNIT_TESTS:%=$(B)/tests/unit/%)

# it reads what packages ship
$(B)/tests/unit/config_test: | $(B)/poolscope.conf

# it loads the shim as a program would
$(B)/tests/unit/page_test: | $(SHIM)

$(B)/tests/unit/%: tests/unit/%.c $(B)/libagent-san.a
	@mkdir -p $(@D)
	$(CC) $(STD) -O1 -g $(WARN) -fPIE $(SAN) $(DEFS) -Itests/unit $(PKG_CFLAGS) -MMD -MP $< $(B)/libagent-san.a -pie \
		$(AGENT_LIBS) -lcmocka -o $@

# the SDK's header is for C++ too: the same test in the oldest and the newest of the languages that it promises
CXX_BINS := $(B)/tests/unit/page_test-c++98 $(B)/tests/unit/page_test-c++20

$(CXX_BINS): $(B)/tests/unit/page_test-c++%: tests/unit/page_test.c
	@mkdir -p $(@D)
	$(CXX) -x c++ -std=gnu++$* -O1 -g -Wall -Wextra -Werror -DPOOLSCOPE_LOUD_ -fPIE $(SAN) -I. -MMD -MP $< -pie -pthread -lcmocka -ldl -o $@

.PHONY: golden-views
golden-views: # write the frames of tests/golden/views anew; read the difference before you commit it
golden-views: $(B)/tests/unit/views_test
	GOLDEN_WRITE=1 $<

.PHONY: check-unit
check-unit: # run the unit tests, under ASan and UBSan
check-unit: $(UNIT_BINS) $(CXX_BINS)
	@for t in $(UNIT_BINS) $(CXX_BINS); do echo "# $${t##*/}"; $$t || exit 1; done
include tests/fuzz/fuzz.mk
include tests/golden/golden.mk
include tests/bench/bench.mk
include tests/vm/vm.mk
