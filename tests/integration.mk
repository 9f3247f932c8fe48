# SPDX-License-Identifier: MIT
# Tests of the real agent in the real kernel. A test is an executable tests/integration/<system>/<question>; nothing to list.

.PHONY: check-integration
check-integration: # run the integration tests (needs root; ONLY='sim/*' picks some)
check-integration: all
	@tests/integration/run-all $(ONLY)

$(B)/tests/hostile: tests/integration/hostile/hostile.c $(SDK)
	@mkdir -p $(@D)
	$(CC) $(STD) -O2 -g $(WARN) -D_GNU_SOURCE -I. $< -o $@

$(B)/tests/storm: tests/integration/hostile/storm.c
	@mkdir -p $(@D)
	$(CC) $(STD) -O2 -g $(WARN) -D_GNU_SOURCE $< -o $@

$(B)/tests/silent: tests/integration/hostile/silent.c $(SDK)
	@mkdir -p $(@D)
	$(CC) $(STD) -O2 -g $(WARN) -D_GNU_SOURCE -I. $< -pthread -o $@

$(B)/tests/pages: tests/integration/sdk/pages.c tools/sdk/poolscope-usdt.h $(SDK)
	@mkdir -p $(@D)
	$(CC) $(STD) -O2 -g $(WARN) -D_GNU_SOURCE -I. $< -ldl -o $@

$(B)/tests/many-pools: tests/integration/out/many-pools.c $(SDK)
	@mkdir -p $(@D)
	$(CC) $(STD) -O2 -g $(WARN) -D_GNU_SOURCE -I. $< -o $@

$(B)/tests/fires: tests/integration/budget/fires.c tools/sdk/poolscope.h
	@mkdir -p $(@D)
	$(CC) $(STD) -O2 -g $(WARN) -D_GNU_SOURCE -I. $< -o $@

check-integration: $(B)/tests/bench-target $(B)/tests/bench-empty $(B)/tests/hostile $(B)/tests/storm $(B)/tests/silent $(B)/tests/fires $(B)/tests/pages $(B)/tests/many-pools $(RECEIVERS)
