# SPDX-License-Identifier: MIT
# What others wrote that takes OTLP: the receiver of the tests, by npm's packages; servers of a later release of Debian.

RECEIVERS := $(B)/node_modules/.of-lock

$(RECEIVERS): tests/receivers/package.json tests/receivers/package-lock.json
	@tools/dev/install-receivers
	@touch $@

.PHONY: check-receiver
check-receiver: # the receiver of OTLP in the tests keeps what it is sent, and makes the faults that are ordered
check-receiver: $(RECEIVERS)
	@node tests/receivers/selftest.js

.PHONY: check-receivers
check-receivers: # the live agent against the OpenTelemetry Collector and VictoriaMetrics, which are fetched and built once (needs root)
check-receivers: all
	@tests/receivers/fetch-servers
	@TESTS=tests/receivers tests/integration/run-all $(ONLY)
