# SPDX-License-Identifier: MIT
# Every rule that a machine can check. Each check is a script in tools/dev that prints what is wrong and where.

STEP := tools/dev/timed-step $(B)/check
# the order is that of the shortest way to the first mistake, but a check that reads objects comes after the build
CHECK_STEPS := check-scripts check-fmt all check-headers check-layers check-docs check-rules check-help \
	check-unit check-fuzz check-golden check-analyzer check-deb check-rpm check-receiver check-integration
ALL_SRCS = $(wildcard agent/*/*.c exporters/*.c tools/*/*.c)

.PHONY: check
check: # everything: installs what it needs, builds, runs every check below and prints what each took (needs root)
	@rm -rf $(B)/check
	@$(STEP) deps tools/dev/install-deps check
	@+$(foreach s,$(CHECK_STEPS),$(STEP) $(patsubst check-%,%,$s) $(MAKE) --no-print-directory $(TWO_JOBS) $s &&) $(STEP)

# unless the user said how many; tests run one after the other whatever it is
TWO_JOBS = $(if $(findstring -j,$(MAKEFLAGS)),,-j2)

.PHONY: check-fmt
check-fmt: # the house style, by clang-format 14
	@tools/dev/format --check

.PHONY: fmt
fmt: # rewrite the sources into the house style
	@tools/dev/format

.PHONY: check-headers
check-headers: # headers compile alone, guards follow paths, the ABI has no holes, the SDK is quiet under any flags, every file names its licence
check-headers: $(B)/gen/poolscope.skel.h $(SDK_HEADER) $(addprefix $(B)/include/,poolscope-page.h poolscope-usdt.h)
	@CC='$(CC)' CLANG='$(CLANG)' CFLAGS_USER='$(STD) $(WARN) $(DEFS) $(PKG_CFLAGS)' CFLAGS_BPF='$(BPF_CFLAGS)' \
		tools/dev/check-headers

.PHONY: check-layers
check-layers: # dependencies point one way; the model and the detectors have no clock and no I/O
check-layers: $(AGENT_OBJS)
	@tools/dev/check-layers $(B)/obj

.PHONY: check-docs
check-docs: # every command, option, verb, metric and loss stands in its man page, and every command and option in the completions
check-docs: $(B)/poolscope $(COMPLETIONS)
	@CC='$(CC)' tools/dev/check-docs $(B)/poolscope
	@tools/dev/check-completion $(B)/poolscope $(B)/completion
	@tools/dev/check-manifest $(B)/poolscope
	@tools/dev/check-manifest --self-test $(B)/poolscope

.PHONY: check-rules
check-rules: # dashboards, rules, alerts and their runbook fit each other and the metrics; what must fire does, and nothing else
	@tools/dev/check-dashboards
	@tools/dev/check-dashboards --self-test
	@promtool test rules tests/rules/*.yml

.PHONY: check-help
check-help: # every --help fits 80 columns and ends with 0; nonsense ends with 2
check-help: $(B)/poolscope
	@tools/dev/check-help $(B)/poolscope

# The analyzer follows every path, and uthash's own hash function has so many that it does not come back (minutes for a file);
# so it gets a short one here. Objects are never linked.
ANALYZER = -fanalyzer '-DHASH_FUNCTION(key,n,hash)=((hash)=(unsigned int)(unsigned long)(key)+(unsigned int)(n))'

$(B)/analyze/%.o: %.c
	@mkdir -p $(@D)
	timeout 120 $(CC) $(STD) -O1 $(WARN) $(ANALYZER) $(DEFS) $(PKG_CFLAGS) -MMD -MP -c $< -o $@

# False alarms of gcc 12, read one by one: it does not follow a pointer into a table or behind an out-parameter (LeakSanitizer
# does, in the unit tests), loses an initialised local that two cleanups end, and does not tie a result of 0 to *ret being set.
KEEPS_POINTERS := \
	$(addprefix agent/api/,tls) \
	$(addprefix agent/base/,arena) \
	$(addprefix agent/config/,config) \
	$(addprefix agent/detect/,detect past suspects) \
	$(addprefix agent/discover/,resolve) \
	$(addprefix agent/ingest/,inventory jvms paged paged_pools resources) \
	$(addprefix agent/model/,families join lock_sums locks model pools processes retired rows saturated_by stall_sums stalls) \
	$(addprefix agent/probe/,steps target targets watch) \
	$(addprefix agent/record/,recorder slots) \
	$(addprefix exporters/,otlp_agent otlp_counted otlp_state) \
	$(addprefix tools/sim/,pool)
$(KEEPS_POINTERS:%=$(B)/analyze/%.o): ANALYZER += -Wno-analyzer-malloc-leak
$(B)/analyze/agent/discover/mapped.o: ANALYZER += -Wno-analyzer-use-of-uninitialized-value
$(B)/analyze/agent/cmd/source.o: ANALYZER += -Wno-analyzer-null-dereference

.PHONY: check-analyzer
check-analyzer: # gcc's static analyzer over the agent, the exporters and the tools; a warning is an error
check-analyzer: $(ALL_SRCS:%.c=$(B)/analyze/%.o)

.PHONY: check-scripts
check-scripts: # every script can be parsed
	@tools/dev/check-scripts
