# SPDX-License-Identifier: MIT
# Benchmarks: what watching costs. They print a table and fail on nothing but a program that does not start.

# what a trap costs: without the page, which has none
$(B)/tests/bench-target: tests/bench/target.c $(SDK)
	@mkdir -p $(@D)
	$(CC) $(STD) -O2 -g $(WARN) -D_GNU_SOURCE -DPOOLSCOPE_USDT_ONLY -I. $< -o $@

# as a program has it that includes the header
$(B)/tests/bench-target-paged: tests/bench/target.c $(SDK)
	@mkdir -p $(@D)
	$(CC) $(STD) -O2 -g $(WARN) -D_GNU_SOURCE -I. $< -o $@

$(B)/tests/bench-points: tests/bench/points.c
	@mkdir -p $(@D)
	$(CC) $(STD) -O1 -g $(WARN) $< -o $@

$(B)/tests/bench-attach: tests/bench/attach.c $(B)/libagent.a
	@mkdir -p $(@D)
	$(CC) $(STD) -O2 -g $(WARN) $(DEFS) $^ $(AGENT_LIBS) -o $@

BENCH_POOL = $(CC) $(STD) -O2 -g $(WARN) -D_GNU_SOURCE -pthread -I. -c tests/bench/page_pool.c

# the second asks clock_gettime() each time
$(B)/tests/bench-page: NO_TSC :=
$(B)/tests/bench-page-clock: NO_TSC := -DPOOLSCOPE_NO_TSC
$(B)/tests/bench-page $(B)/tests/bench-page-clock: tests/bench/page.c tests/bench/page_pool.c tests/bench/page_pool.h $(SDK)
	@mkdir -p $@.d
	$(BENCH_POOL) -DBENCH_POOL=bench_alone -DPOOLSCOPE_DISABLE -o $@.d/alone.o
	$(BENCH_POOL) -DBENCH_POOL=bench_usdt -DPOOLSCOPE_USDT_ONLY -o $@.d/usdt.o
	$(BENCH_POOL) -DBENCH_POOL=bench_paged $(NO_TSC) -o $@.d/paged.o
	$(CC) $(STD) -O2 -g $(WARN) -D_GNU_SOURCE -pthread -I. $< $@.d/*.o -o $@

.PHONY: bench-page
bench-page: # measure what the SDK's page costs the pool that writes it, as tables: with the CPU's counter, and with clock_gettime()
bench-page: $(B)/tests/bench-page $(B)/tests/bench-page-clock
	@$(B)/tests/bench-page
	@echo "with clock_gettime():"
	@$(B)/tests/bench-page-clock

$(B)/tests/bench-empty: tests/bench/empty.c $(B)/libagent.a
	@mkdir -p $(@D)
	$(CC) $(STD) -O2 -g $(WARN) $(DEFS) $^ $(AGENT_LIBS) -o $@

$(B)/tests/bench-storm: tests/bench/storm.c tests/subjects/connect.h
	@mkdir -p $(@D)
	$(CC) $(STD) -O2 -g $(WARN) -D_GNU_SOURCE -I. $< -o $@ -lpthread

$(B)/tests/bench-instructions: tests/bench/instructions.c $(B)/libagent.a
	@mkdir -p $(@D)
	$(CC) $(STD) -O2 -g $(WARN) $(DEFS) $^ $(AGENT_LIBS) -o $@

.PHONY: bench-instructions
bench-instructions: # measure ns per probe hit by the instruction that is probed, as a table (needs root, kernel 6.6)
bench-instructions: $(B)/tests/bench-instructions
	@$<

# without Go the table does without it
$(B)/tests/bench-gosql: tests/bench/gosql/main.go
	@mkdir -p $(@D)
	! command -v go >/dev/null || (cd $(<D) && GO111MODULE=off go build -o $(abspath $@) .)

BENCHED := $(addprefix $(B)/tests/bench-,target target-paged empty points attach gosql storm) $(B)/tests/many-pools

.PHONY: bench
bench: # measure what watching costs, and what is used instead, as tables (needs root; BENCH='hikari go' picks some)
bench: $(B)/poolscope $(BENCHED)
	@tests/bench/run $(B) $(BENCH)

# they are measured seldom; so that they compile until then
check-unit: $(B)/tests/bench-page $(B)/tests/bench-page-clock $(filter-out %-gosql,$(BENCHED)) $(B)/tests/bench-instructions

$(B)/tests/bench-otlp: tests/bench/otlp.c $(B)/libagent.a
	@mkdir -p $(@D)
	$(CC) $(STD) -O2 -g $(WARN) $(DEFS) $(PKG_CFLAGS) $^ $(AGENT_LIBS) -o $@

.PHONY: bench-otlp
bench-otlp: # measure what an export of 10 000 pools over OTLP costs
bench-otlp: $(B)/tests/bench-otlp
	@$<

check-unit: $(B)/tests/bench-otlp

$(B)/tests/bench-tick: tests/bench/tick.c $(B)/libagent.a
	@mkdir -p $(@D)
	$(CC) $(STD) -O2 -g $(WARN) $(DEFS) $(PKG_CFLAGS) $^ $(AGENT_LIBS) -o $@

.PHONY: bench-tick
bench-tick: # measure what a tick and a scrape of 10 000 pools cost, all of them busy and a hundred, without the kernel's part
bench-tick: $(B)/tests/bench-tick
	@$< 10000 10000
	@$< 10000 100

check-unit: $(B)/tests/bench-tick
