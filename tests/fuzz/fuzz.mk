# SPDX-License-Identifier: MIT
# Fuzzers: tests/fuzz/<name>_fuzz.c with its corpus in tests/fuzz/corpus/<name>/. A crash becomes a corpus file.

FUZZERS := $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c))
FUZZ_SECONDS ?= 60

$(B)/fuzz/%-replay: tests/fuzz/%_fuzz.c tests/fuzz/replay.c $(B)/libagent-san.a
	@mkdir -p $(@D)
	$(CC) $(STD) -O1 -g $(WARN) $(SAN) $(CPPFLAGS) $(PKG_CFLAGS) $^ $(AGENT_LIBS) -o $@

# the parsers alone, compiled by clang for coverage
FUZZ_SRCS := agent/discover/recipe.c agent/discover/recipe_check.c agent/discover/recipe_version.c agent/discover/recipe_expr.c agent/discover/notes.c agent/discover/argspec.c agent/discover/mapped.c agent/discover/hsperf.c agent/ingest/process_info.c \
	agent/symbolize/perfmap.c agent/symbolize/waits.c agent/symbolize/goroutine.c agent/discover/places.c \
	agent/discover/code.c agent/discover/code_calls.c agent/discover/code_stack.c agent/discover/flow.c agent/discover/insn.c \
	$(addprefix agent/discover/,symbols.c symtab.c nametable.c cxxname.c elffile.c gopclntab.c gotext.c goversion.c debugfile.c) \
	exporters/web_config.c exporters/web_priority.c exporters/gzip.c \
	agent/base/text.c agent/base/diag.c agent/base/buffer.c agent/cmd/paste.c \
	$(wildcard agent/record/*.c agent/model/*.c agent/detect/*.c) agent/base/arena.c agent/base/hist.c agent/api/json.c
$(B)/fuzz/%-fuzz: tests/fuzz/%_fuzz.c $(FUZZ_SRCS)
	@mkdir -p $(@D)
	$(CLANG) $(STD) -O1 -g -fsanitize=fuzzer,address,undefined $(CPPFLAGS) $^ -lelf -linih -lcapstone -lz -ljansson -lyaml -lstdc++ -lm -o $@

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
