# SPDX-License-Identifier: MIT
# Tests of the real agent in the real kernel. A test is an executable tests/integration/<system>/<question>; nothing to list.

.PHONY: check-integration
check-integration: # run the integration tests (needs root; ONLY='sim/*' picks some)
check-integration: all
	@tests/integration/run-all $(ONLY)
