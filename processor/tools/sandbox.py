"""Restricts itself to what a tool needs, then becomes that tool.

    sandbox.py [memory=BYTES | cpu=SECONDS | read=PATH | write=PATH | port=NUMBER]... -- PROGRAM [ARGUMENT...]
    sandbox.py report

With at least one `read`, the tool sees no file but those beneath `read` and `write`, connects to no TCP port but the
given ones, and signals no process outside. Landlock enforces this. On a kernel without it, only the limits hold. `report` prints, as one JSON object, what this kernel enforces.

The extractor loads this file as a module and restricts each of its forked tasks in the same way. Keep it small: every
run of a tool waits for it to start.
"""
import ctypes
import os
import resource
import sys

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION_FLAG = 1
RULE_PATH, RULE_PORT = 1, 2
PR_SET_NO_NEW_PRIVS = 38

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
# Rights to a file; all others are rights to folders.
FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
READ_RIGHTS = EXECUTE | READ_FILE | READ_DIR
# Abstract sockets and signals reach no process outside.
SCOPES = 1 | 2


def fs_rights(abi):
    """All rights to files that a kernel of this version can take away."""
    last = 12 + (abi >= 2) + (abi >= 3) + (abi >= 5)
    return (1 << (last + 1)) - 1


class Ruleset(ctypes.Structure):
    _fields_ = [('fs', ctypes.c_uint64), ('net', ctypes.c_uint64), ('scoped', ctypes.c_uint64)]


class PathRule(ctypes.Structure):
    _pack_ = 1
    _fields_ = [('allowed', ctypes.c_uint64), ('parent', ctypes.c_int32)]


class PortRule(ctypes.Structure):
    _fields_ = [('allowed', ctypes.c_uint64), ('port', ctypes.c_uint64)]


def landlock_version():
    """0 if the kernel has no Landlock."""
    if sys.platform != 'linux':
        return 0
    return max(0, LIBC.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(VERSION_FLAG)))


def restrict(read, write, ports):
    """Restricts this process and all that it starts; returns False if the kernel cannot."""
    abi = landlock_version()
    if not abi:
        return False
    rights = fs_rights(abi)
    attributes = Ruleset(rights, 3 if abi >= 4 else 0, SCOPES if abi >= 6 else 0)
    size = 8 * (1 + (abi >= 4) + (abi >= 6))
    ruleset = LIBC.syscall(CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), ctypes.c_uint32(0))
    if ruleset < 0:
        return False
    try:
        for path in read:
            allow(ruleset, path, rights & READ_RIGHTS)
        for path in write:
            allow(ruleset, path, rights)
        if abi >= 4:
            for port in ports:
                rule = PortRule(2, port)
                LIBC.syscall(ADD_RULE, ruleset, RULE_PORT, ctypes.byref(rule), ctypes.c_uint32(0))
        if LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            return False
        return LIBC.syscall(RESTRICT_SELF, ruleset, ctypes.c_uint32(0)) == 0
    finally:
        os.close(ruleset)


def allow(ruleset, path, rights):
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # a path that does not exist needs no rule
    try:
        if not os.path.isdir(path):
            rights &= FILE_RIGHTS
        rule = PathRule(rights, fd)
        LIBC.syscall(ADD_RULE, ruleset, RULE_PATH, ctypes.byref(rule), ctypes.c_uint32(0))
    finally:
        os.close(fd)


def limit(memory, cpu):
    """Address space in bytes, processor time in seconds; None for no limit. A core file is never written."""
    set_limit(resource.RLIMIT_CORE, 0, 0)
    if memory is not None:
        set_limit(resource.RLIMIT_AS, memory, memory)
    if cpu is not None:  # the soft limit's signal can be recognised; the hard limit's SIGKILL cannot
        set_limit(resource.RLIMIT_CPU, cpu, cpu + 5)


def set_limit(kind, soft, hard):
    """True on success; a lower limit of the host stays."""
    try:
        _soft, ceiling = resource.getrlimit(kind)
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        resource.setrlimit(kind, (soft, hard))
        return True
    except (OSError, ValueError):
        return False


def report():
    """Prints what this machine enforces, after trying it."""
    limits = set_limit(resource.RLIMIT_AS, 1 << 33, 1 << 33) and set_limit(resource.RLIMIT_CPU, 60, 65)
    abi = landlock_version()
    files = restrict(['/usr'], [], [])
    say = {True: 'true', False: 'false'}
    print('{"files": %s, "network": %s, "signals": %s, "limits": %s}' % tuple(
        say[fact] for fact in (files, files and abi >= 4, files and abi >= 6, limits)))


def main(arguments):
    if arguments == ['report']:
        report()
        return
    end = arguments.index('--')
    options = {'read': [], 'write': [], 'port': [], 'memory': [], 'cpu': []}
    for argument in arguments[:end]:
        name, _, value = argument.partition('=')
        options[name].append(value)
    if options['read']:
        restrict(options['read'], options['write'], [int(port) for port in options['port']])
    # last, so that they do not stop this process itself
    limit(*(int(options[name][0]) if options[name] else None for name in ('memory', 'cpu')))
    command = arguments[end + 1:]
    os.execv(command[0], command)


LIBC = ctypes.CDLL(None, use_errno=True)
if __name__ == '__main__':
    main(sys.argv[1:])
