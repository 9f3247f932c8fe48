# SPDX-License-Identifier: MIT
# The user side: every .c of agent/ and exporters/ goes into one archive, that the program and the unit tests link.

AGENT_SRCS := $(filter-out agent/cmd/main.c,$(wildcard agent/*/*.c exporters/*.c))
# messages of others, by protoc-c
PROTOS := $(patsubst %.proto,%,$(wildcard exporters/*.proto))
PROTO_HEADERS := $(PROTOS:%=$(B)/gen/%.pb-c.h)
AGENT_OBJS := $(AGENT_SRCS:%.c=$(B)/obj/%.o) $(PROTOS:%=$(B)/obj/%.pb-c.o)
AGENT_SAN_OBJS := $(AGENT_SRCS:%.c=$(B)/san/%.o) $(PROTOS:%=$(B)/san/%.pb-c.o)
# libstdc++ only for __cxa_demangle()
AGENT_LIBS = $(PKG_LIBS) -lstdc++ -lm

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(COMPILE) -fPIE $(PKG_CFLAGS) -MMD -MP -c $< -o $@

$(B)/san/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(STD) -O1 -g $(WARN) -fPIE $(SAN) $(DEFS) $(PKG_CFLAGS) -MMD -MP -c $< -o $@

$(B)/gen/%.pb-c.c $(B)/gen/%.pb-c.h &: %.proto
	@mkdir -p $(@D)
	$(PROTOC_C) --c_out=$(B)/gen $<

$(B)/obj/%.pb-c.o: $(B)/gen/%.pb-c.c
	@mkdir -p $(@D)
	$(CC) $(STD) $(HARDEN) -fPIE -I$(B)/gen $(CPPFLAGS) $(CFLAGS) $(PKG_CFLAGS) -c $< -o $@

$(B)/san/%.pb-c.o: $(B)/gen/%.pb-c.c
	@mkdir -p $(@D)
	$(CC) $(STD) -O1 -g -fPIE $(SAN) -I$(B)/gen $(PKG_CFLAGS) -c $< -o $@

$(foreach d,obj san analyze,$(patsubst %.c,$(B)/$d/%.o,$(wildcard exporters/*.c))): | $(PROTO_HEADERS)

# only these see libbpf, by the skeleton
$(foreach d,obj san analyze,$(B)/$d/agent/probe/kernel.o $(B)/$d/agent/probe/kernel_load.o): $(B)/gen/poolscope.skel.h

$(B)/libagent.a: $(AGENT_OBJS)
	@rm -f $@
	ar rcs $@ $^

$(B)/libagent-san.a: $(AGENT_SAN_OBJS)
	@rm -f $@
	ar rcs $@ $^

$(B)/poolscope: $(B)/obj/agent/cmd/main.o $(B)/libagent.a
	$(LINK) $^ $(AGENT_LIBS) -o $@

$(B)/poolscope-san: $(B)/san/agent/cmd/main.o $(B)/libagent-san.a
	$(CC) -pie $(SAN) $^ $(AGENT_LIBS) -o $@

all: $(B)/poolscope
