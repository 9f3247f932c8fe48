#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# press_tab.py SHELL FOLDER SOCKET < WORDS - types as a person does, into a real bash, zsh or fish on a terminal: the beginning of a word, Tab, Enter.
#
# FOLDER has the completions. Each line of stdin is JSON: {"word": what must reach the program, "before": words before it, "type": what is typed of it}. It is
# typed without quotes, and after ' and ". The program is a function in the shell that writes down what it was given. It is judged that this is the word, and
# that nothing else was run: a file PWNED in the shell's folder. Prints what differs; exits with 1 then.
import json
import os
import pty
import select
import shlex
import sys
import tempfile
import time

SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"],
             "PS1='> '; source {folder}/poolscope.bash; poolscope() {{ printf '%s\\0' \"$#\" \"$@\" >>got; }}; bind 'set bell-style none'\n"),
    "zsh": (["zsh", "-f", "-i"],
            "PS1='> '; autoload -U compinit; compinit -D -u; unsetopt beep; source {folder}/_poolscope; "
            "poolscope() {{ printf '%s\\0' \"$#\" \"$@\" >>got; }}\n"),
    "fish": (["fish", "--no-config", "-i"],
             "function fish_prompt; echo '> '; end; source {folder}/poolscope.fish; "
             "function poolscope; printf '%s\\0' (count $argv) $argv >>got; end\n"),
}
QUOTES = ["", "'", '"']
TRIES = 3  # a shell that is busy drops what is typed; what was run counts at once


class Terminal:
    def __init__(self, shell, folder, home):
        argv, setup = SHELLS[shell]
        self.home, self.got, self.said = home, os.path.join(home, "got"), b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(home)
            os.environ.update(HOME=home, XDG_CONFIG_HOME=home, XDG_DATA_HOME=home, TERM="xterm", LC_ALL="C.UTF-8", HISTFILE="")
            os.execvp(argv[0], argv)
        self.type(setup.format(folder=shlex.quote(folder)))
        self.quiet(1.0)
        self.type("poolscope ready\n")
        self.wait(lambda: self.words() == [["ready"]])
        os.remove(self.got)

    def type(self, text):
        os.write(self.fd, text.encode())

    def drain(self, seconds):
        if select.select([self.fd], [], [], seconds)[0]:
            try:
                self.said += os.read(self.fd, 65536)
                return True
            except OSError:
                return False
        return False

    def quiet(self, most, least=0.1):  # until nothing was said for so long
        end = time.monotonic() + most
        while time.monotonic() < end and self.drain(least):
            pass

    def wait(self, is_done, seconds=10):
        end = time.monotonic() + seconds
        while not is_done() and time.monotonic() < end:
            self.drain(0.02)
        return is_done()

    def words(self):
        try:
            parts = open(self.got, "rb").read().decode(errors="replace").split("\0")[:-1]
        except FileNotFoundError:
            return []
        calls = []
        while parts:
            n = int(parts[0])
            calls.append(parts[1:n + 1])
            parts = parts[n + 1:]
        return calls

    def press_tab(self, before, typed):
        self.type("poolscope " + before + typed)
        self.quiet(1, 0.05)
        self.type("\t")
        n = len(self.said)
        self.wait(lambda: len(self.said) > n, 3)
        self.quiet(3, 0.25)
        self.type("\n")
        self.wait(lambda: self.words(), 1.5)
        calls = self.words()
        if calls:
            os.remove(self.got)
        else:
            self.type("\x03")
        self.quiet(2, 0.2)
        return calls


def main():
    shell, folder, socket = sys.argv[1:]
    n_bad = n = n_none = 0
    with tempfile.TemporaryDirectory() as home:
        terminal = Terminal(shell, os.path.abspath(folder), home)
        for line in sys.stdin:
            asked = json.loads(line)
            for quote in asked.get("quotes", QUOTES):
                n += 1
                before = f"--socket {socket} " + asked["before"]
                for _ in range(TRIES):
                    calls = terminal.press_tab(before, quote + asked["type"])
                    last = calls[0][-1].rstrip(" ") if calls and calls[0] else None
                    if last == asked["word"].rstrip(" ") or os.path.exists(os.path.join(home, "PWNED")):
                        break
                if os.path.exists(os.path.join(home, "PWNED")):
                    print(f"{shell}: {quote}{asked['type']}: SOMETHING WAS RUN, for {asked['word']!r}")
                    os.remove(os.path.join(home, "PWNED"))
                    n_bad += 1
                elif last == asked["word"].rstrip(" ") and len(calls) == 1:
                    continue
                elif quote and not (calls and last != asked["type"]):
                    n_none += 1  # nothing was proposed, and nothing happened
                    print(f"{shell}: {quote}{asked['type']}<Tab>: nothing was proposed for {asked['word']!r}: {calls!r}")
                else:
                    print(f"{shell}: {quote}{asked['type']}<Tab>: expected {asked['word']!r}, the program was given {calls!r}")
                    n_bad += 1
        terminal.type("\x03exit\n")
        os.close(terminal.fd)
        os.waitpid(terminal.pid, 0)
    print(f"{shell}: {n} words, {n_bad} wrong, {n_none} not proposed within quotes")
    sys.exit(n_bad > 0 or n == 0)


main()
