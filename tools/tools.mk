# SPDX-License-Identifier: MIT
# The SDK, the shim library and the simulator.
