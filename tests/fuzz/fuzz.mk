# SPDX-License-Identifier: MIT
# Fuzzers: tests/fuzz/<name>_fuzz.c with its corpus in tests/fuzz/corpus/<name>/. A crash becomes a corpus file.

FUZZERS := $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c))
FUZZ_SECONDS ?= 60

$(B)/fuzz/%-replay: tests/fuzz/%_fuzz.c tests/fuzz/replay.c $(B)/libagent-san.a
	@mkdir -p $(@D)
	$(CC) $(STD) -O1 -g $(WARN) $(SAN) $(DEFS) $(PKG_CFLAGS) $^ $(AGENT_LIBS) -o $@

# all of the agent, compiled by clang for coverage
FUZZ_OBJS := $(AGENT_SRCS:%.c=$(B)/fuzzed/%.o) $(PROTOS:%=$(B)/fuzzed/%.pb-c.o)
FUZZED := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fPIE

$(B)/fuzzed/%.o: %.c
	@mkdir -p $(@D)
	$(CLANG) $(STD) $(FUZZED) $(DEFS) $(PKG_CFLAGS) -MMD -MP -c $< -o $@

$(B)/fuzzed/%.pb-c.o: $(B)/gen/%.pb-c.c
	@mkdir -p $(@D)
	$(CLANG) $(STD) $(FUZZED) -I$(B)/gen $(PKG_CFLAGS) -c $< -o $@

$(FUZZ_OBJS): | $(B)/gen/poolscope.skel.h $(PROTO_HEADERS)

$(B)/libagent-fuzzed.a: $(FUZZ_OBJS)
	@rm -f $@
	ar rcs $@ $^

$(B)/fuzz/%-fuzz: tests/fuzz/%_fuzz.c $(B)/libagent-fuzzed.a
	@mkdir -p $(@D)
	$(CLANG) $(STD) -O1 -g -fsanitize=fuzzer,address,undefined $(DEFS) $(PKG_CFLAGS) $^ $(AGENT_LIBS) -o $@

.PHONY: check-fuzz
check-fuzz: # replay the corpus of every fuzzer under ASan and UBSan
check-fuzz: $(FUZZERS:%=$(B)/fuzz/%-replay)
	@for f in $(FUZZERS); do printf '%s: ' $$f; $(B)/fuzz/$$f-replay tests/fuzz/corpus/$$f/* || exit 1; done

.PHONY: fuzz
fuzz: # look for new crashes, FUZZ_SECONDS for each fuzzer (clang's libFuzzer)
fuzz: $(FUZZERS:%=$(B)/fuzz/%-fuzz)
	@for f in $(FUZZERS); do mkdir -p $(B)/fuzz/found-$$f; \
		$(B)/fuzz/$$f-fuzz -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=tests/fuzz/corpus/$$f/ \
			$(B)/fuzz/found-$$f tests/fuzz/corpus/$$f || exit 1; done
