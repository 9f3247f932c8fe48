# SPDX-License-Identifier: MIT
# The kernel side: one object for all kernels, embedded in the agent by its skeleton.

BPF_ARCH := $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(shell uname -m)))
# clang for the bpf target does not look into the multiarch folder, where asm/ lies
BPF_INCLUDES := -idirafter /usr/include/$(shell $(CC) -print-multiarch)
# the type information names source files and is a part of the program, so the folder of the build is left out of them
BPF_CFLAGS := -O2 -g -target bpf -mcpu=v3 -D__TARGET_ARCH_$(BPF_ARCH) -Wall -Wextra -Werror -Wno-unused-parameter \
	-Wno-missing-declarations $(BPF_INCLUDES) -I. -ffile-prefix-map=$(CURDIR)=.

$(B)/bpf/poolscope.bpf.o: bpf/poolscope.bpf.c bpf/bpf.mk
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@

$(B)/gen/poolscope.skel.h: $(B)/bpf/poolscope.bpf.o
	@mkdir -p $(@D)
	$(BPFTOOL) gen skeleton $< name poolscope_bpf > $@
