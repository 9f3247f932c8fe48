# SPDX-License-Identifier: MIT
# Machines with kernels of Debian's. The short form, one boot with 6.1, is tests/integration/kernels/debian, in `make check`.

.PHONY: check-vm
check-vm: # the package on Debian's kernels 6.1, 6.12 and the newest, in machines without KVM (root; KERNELS=6.1 picks one); build/vm/table.md
check-vm: all deb
	@tests/vm/matrix $(KERNELS)
