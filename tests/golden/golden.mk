# SPDX-License-Identifier: MIT
# Frames of `top` from a fixed recording, as text. A change of one shows in review; `make golden` writes them anew.

$(B)/tests/golden: tests/golden/golden.c $(B)/libagent-san.a
	@mkdir -p $(@D)
	$(CC) $(STD) -O1 -g $(WARN) -fPIE $(SAN) $(DEFS) $(PKG_CFLAGS) -MMD -MP $< $(B)/libagent-san.a -pie $(AGENT_LIBS) -o $@

.PHONY: check-golden
check-golden: # the frames of the live view are those that are kept
check-golden: $(B)/tests/golden
	@$(B)/tests/golden tests/golden/pools.rec tests/golden

.PHONY: golden
golden: # write the frames anew; look at `git diff tests/golden` then
golden: $(B)/tests/golden
	@$(B)/tests/golden tests/golden/pools.rec tests/golden --write
