# SPDX-License-Identifier: MIT
# fish completion for poolscope; built from this and the program's own table of commands.
#
# Names of pools are what other processes call them. They come out of a command substitution, whose lines fish takes as they are, and quotes when one is
# put onto the line.

# The words so far that are neither options nor what stands behind one.
function __poolscope_plain
    set -l is_value 0
    for word in (commandline -opc)[2..-1]
        if test $is_value = 1
            set is_value 0
        else if contains -- $word $__poolscope_valued
            set is_value 1
        else if not string match -q -- '-*' $word
            printf '%s\n' $word
        end
    end
end

# One of these is the command, or what a recording is asked; before one is typed it is the first.
function __poolscope_is
    set -l plain (__poolscope_plain)
    test (count $plain) = 0; and set plain top
    contains -- $plain[1] $argv; and return 0
    test $plain[1] = replay; and test (count $plain) -ge 3; and contains -- $plain[3] $argv
end

# So many words came before; those in capitals may be any.
function __poolscope_follows
    set -l plain (__poolscope_plain)
    if test (count $plain) -ge 3; and test $plain[1] = replay
        set plain $plain[3..-1]
    end
    test (count $plain) = (count $argv); or return 1
    test (count $argv) = 0; or test $plain[1] = $argv[1]
end

function __poolscope_ask
    contains -- replay (__poolscope_plain)[1]; and return # the agent does not know what is in a recording
    set -l words (commandline -opc)
    set -l socket
    for i in (seq 2 (count $words))
        if string match -q -- '--socket=*' $words[$i]
            set socket $words[$i]
        else if test "$words[$i]" = --socket; and test $i -lt (count $words)
            set socket --socket=$words[(math $i + 1)]
        end
    end
    set -l prefix (commandline -ct | string replace -r '^--[a-z]+=' '' | string unescape 2>/dev/null)
    command poolscope $socket completion $argv[1] -- $prefix[1] </dev/null 2>/dev/null
end

complete -c poolscope -f

@TABLES@
