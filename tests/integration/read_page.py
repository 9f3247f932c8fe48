#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""read_page.py watch PID | read_page.py compare PID TRUTH - the SDK's page of a process, without an agent.

Stands in for an agent and a kernel: `watch` finds the note of the point "page" in the process's program, works out where its semaphore is,
and raises it in that process's memory. `compare` reads the slots there, as tools/sdk/poolscope-page.h describes them but from a description of
its own, and sets them beside a TRUTH of the simulator: counts must be the same, sums lie between the truth's bounds.
"""
import json
import re
import struct
import subprocess
import sys

U64 = {"handle": 0, "begun": 16, "ended": 24, "use_sum": 32, "holders": 64, "hold_sum": 88, "hold_max": 96, "saturated_since": 104, "saturated": 112,
       "new": 160, "broken": 168, "unheld": 176, "odd_acquire": 184, "odd_release": 192, "before": 200, "unlisted": 216, "waits_unlisted": 224,
       "since": 248, "serial": 256, "closed": 264}
U32 = {"seq": 8, "n_holders": 72, "n_waiting": 76, "collisions": 244, "state": 272, "lost": 308}
OPEN, CLOSED = 1, 2
SLACK_S = 1e-6  # of a sum, for each event: from the pool's clock to the slot's


class Process:
    def __init__(self, pid):
        self.pid = pid
        self.memory = open("/proc/%d/mem" % pid, "r+b", buffering=0)

    def read(self, at, n):
        self.memory.seek(at)
        return self.memory.read(n)

    def number(self, at, form="Q"):
        return struct.unpack("<" + form, self.read(at, struct.calcsize(form)))[0]

    def root(self):
        exe = "/proc/%d/exe" % self.pid
        notes = subprocess.run(["readelf", "-nW", exe], capture_output=True, text=True, check=False).stdout
        at = int(re.search(r"Name: page\n.*Semaphore: (0x[0-9a-f]+)", notes).group(1), 16)
        segments = subprocess.run(["readelf", "-lW", exe], capture_output=True, text=True, check=True).stdout
        if "Elf file type is EXEC" not in segments:
            with open("/proc/%d/maps" % self.pid) as maps:
                at += int(maps.readline().split("-")[0], 16)
        if self.read(at + 8, 8) != b"PSPROOT1":
            sys.exit("there is no root at %x" % at)
        return at

    def slots(self):
        chunk = self.number(self.root() + 16)
        for _ in range(36):
            if not chunk:
                return
            if self.read(chunk, 8) != b"PSPCHNK1":
                sys.exit("there is no chunk at %x" % chunk)
            n_used, size = self.number(chunk + 28, "I"), self.number(chunk + 32, "I")
            for i in range(1, n_used + 1):
                yield self.slot(chunk + i * size)
            chunk = self.number(chunk + 16)

    def slot(self, at):
        for _ in range(1000):
            before = self.number(at + 8, "I")
            copy = self.read(at, 2048)
            if not before & 1 and self.number(at + 8, "I") == before:
                break
        else:
            sys.exit("the slot at %x is never whole" % at)
        slot = {name: struct.unpack_from("<Q", copy, place)[0] for name, place in U64.items()}
        slot.update({name: struct.unpack_from("<I", copy, place)[0] for name, place in U32.items()})
        slot["holds"] = sum(struct.unpack_from("<258I", copy, 320))
        slot["name"] = self.read(slot["handle"] + 64, 64).split(b"\0")[0].decode() if slot["state"] == OPEN else None
        return slot


def between(value, truth, key, n, of=None):
    sides = [(truth[side][of][key] if of else truth[side][key]) for side in ("low", "high")]
    return min(sides) - n * SLACK_S <= value <= max(sides) + n * SLACK_S


def rows(slot, truth):
    """What the slot has, what the truth has, and whether that is fine."""
    acquires = slot["begun"] + slot["odd_acquire"] + slot["unheld"]
    in_use, hold = slot["begun"] - slot["ended"], truth["hold"]
    yield "acquires", acquires, truth["acquires"], acquires == truth["acquires"]
    releases = slot["ended"] + slot["before"] + slot["unheld"]
    yield "releases", releases, truth["releases"], releases == truth["releases"]
    yield "acquires_new", slot["new"], truth["acquires_new"], slot["new"] == truth["acquires_new"]
    yield "in_use", in_use, truth["in_use"], in_use == truth["in_use"]
    yield "holders", slot["n_holders"], truth["in_use"], slot["n_holders"] == truth["in_use"]
    yield "pending", slot["n_waiting"], truth["pending"], slot["n_waiting"] == truth["pending"]
    yield "hold.count", slot["holds"], hold["count"], slot["holds"] == hold["count"]
    sum_s, max_s = slot["hold_sum"] / 1e9, slot["hold_max"] / 1e9
    yield "hold.sum_seconds", sum_s, hold["sum_seconds"], between(sum_s, truth, "sum_seconds", hold["count"], "hold")
    yield "hold.max_seconds", max_s, hold["max_seconds"], between(max_s, truth, "max_seconds", 1, "hold")
    use_s = ((in_use * truth["at_ns"] + slot["use_sum"]) % 2**64) / 1e9
    yield "in_use_seconds", use_s, truth["in_use_seconds"], between(use_s, truth, "in_use_seconds", acquires)
    full_s = slot["saturated"] / 1e9 + max(0, truth["at_ns"] - slot["saturated_since"]) / 1e9 * (slot["saturated_since"] > 0)
    yield "saturated_seconds", full_s, truth["saturated_seconds"], between(full_s, truth, "saturated_seconds", acquires)
    for odd in ("odd_acquire", "odd_release", "before", "unlisted", "waits_unlisted", "collisions", "lost"):
        yield odd, slot[odd], 0, slot[odd] == 0


def compare(process, truth):
    n_bad = 0
    slots = [s for s in process.slots() if s["state"] == OPEN]
    for pool in truth["pools"]:
        mine = [s for s in slots if s["name"] == pool["name"]]
        if not mine and not pool["acquires"]:
            continue
        if len(mine) != 1:
            print("%s: %d slots" % (pool["name"], len(mine)))
            n_bad += 1
            continue
        for what, found, expected, fine in rows(mine[0], pool):
            print("%-20s %-18s %16s %16s  %s" % (pool["name"], what, expected, found, "ok" if fine else "MISMATCH"))
            n_bad += not fine
    return n_bad


def main():
    process = Process(int(sys.argv[2]))
    if sys.argv[1] == "watch":
        process.memory.seek(process.root())
        process.memory.write(b"\1\0")
        return 0
    with open(sys.argv[3]) as f:
        return 1 if compare(process, json.load(f)) else 0


sys.exit(main())
