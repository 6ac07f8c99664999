"""Warm yt-dlp: imported once, forked once per task, so that a task costs no start-up and dies alone.

Protocol: one JSON object a line. Standard input takes

    {"id", "kind": "extract", "url", "params", "cookies"}     extraction without download
    {"id", "kind": "select", "info", "params", "cookies"}     choice of formats of an earlier response, without network
    {"id", "kind": "download", "info", "params", "cookies"}   yt-dlp's own download of an earlier response
    {"id", "kind": "list", "url", "limit", "skip", "params", "cookies"}
                                                              the entries of a list, none of which is looked at
    {"id", "kind": "cancel"}                                  kills that task's process group

Each but the last has "limits": {"memory", "cpu", "page"}, in bytes, seconds and bytes, and "access": {"read", "write",
"ports"}, or null for no sandbox; see sandbox.py and extraction/pages.py. Standard output gives {"ready": true,
"version"} once, then for each task any number of {"id", "progress"} or {"id", "part"} and exactly one {"id", "ok", ...}.
Lines of different tasks never mix. The end of standard input ends everything.
`cookies` is the text of a cookie file, or null; it stays in memory. A response to a task with cookies has them as `jar`, as
they are after it.
"""
import ctypes
import json
import os
import resource
import selectors
import shutil
import signal
import sys
import tempfile
import traceback

import yt_dlp
from yt_dlp import globals as ytdlp_globals

# PYTHONSAFEPATH keeps this folder off the path, so that no module here can hide one of Python's. So it goes last.
sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from extraction.failures import Failure, Log, failure_of  # noqa: E402
from extraction.session import extractor_for, warm_up  # noqa: E402
from extraction.tasks import confine, download, extract, line_of, list_entries, select  # noqa: E402

READ_BYTES = 1 << 16
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)

TASKS = {'extract': extract, 'select': select, 'download': download, 'list': list_entries}


def run_task(task, fd):
    log = Log()

    def send(answer):
        write_all(fd, line_of({'id': task['id'], **answer}))

    try:
        send({'ok': True, **TASKS[task['kind']](task, log, send), 'warnings': log.warnings})
    except BaseException as error:  # a task answers whatever happens, even SystemExit
        if not getattr(error, 'expected', False) and not isinstance(error, Failure):
            traceback.print_exc()
        send({'ok': False, 'failure': failure_of(error, log)})


def die_with_parent():
    """Linux only; elsewhere a child whose parent was killed ends when it writes its response."""
    if sys.platform == 'linux':
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def write_all(fd, data):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view):]


class Parent:
    """Reads tasks, forks, relays whole lines. Single-threaded, so that each fork is safe."""

    def __init__(self, out):
        self.out = out
        self.selector = selectors.DefaultSelector()
        self.children = {}  # id → pid

    def send(self, answer):
        write_all(self.out, json.dumps(answer).encode() + b'\n')

    def serve(self):
        self.selector.register(0, selectors.EVENT_READ, None)
        self.send({'ready': True, 'version': yt_dlp.version.__version__})
        pending = b''
        while True:
            for key, _events in self.selector.select():
                if key.data is not None:
                    self.on_child_output(key.fd, key.data)
                    continue
                data = os.read(0, READ_BYTES)
                if not data:
                    return
                *lines, pending = (pending + data).split(b'\n')
                for line in lines:
                    self.on_request(json.loads(line))

    def on_request(self, task):
        if task['kind'] == 'cancel':
            if pid := self.children.get(task['id']):
                kill_group(pid)
            return
        if task['kind'] in ('extract', 'list'):  # not in the task, which would copy every page of memory that it reads
            task['extractor'] = extractor_for(task['url'])
        read_end, write_end = os.pipe()
        folder = tempfile.mkdtemp(dir=os.getcwd())  # no other task sees it
        pid = os.fork()
        if pid == 0:
            os.setsid()
            os.chdir(folder)
            os.environ['HOME'] = os.environ['TMPDIR'] = tempfile.tempdir = folder
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            die_with_parent()
            self.selector.close()
            os.close(0)
            os.close(self.out)
            confine(task)
            run_task(task, write_end)
            os._exit(0)
        os.close(write_end)
        self.children[task['id']] = pid
        self.selector.register(read_end, selectors.EVENT_READ, {'id': task['id'], 'parts': [], 'folder': folder})
        self.send({'id': task['id'], 'pid': pid})

    def on_child_output(self, fd, child):
        data = os.read(fd, READ_BYTES)
        if data:
            child['parts'].append(data)
            if data.endswith(b'\n'):  # a write of the child may end within a line
                write_all(self.out, b''.join(child['parts']))
                child['parts'] = []
            return
        self.selector.unregister(fd)
        os.close(fd)
        pid = self.children.pop(child['id'])
        kill_group(pid)  # ends what the task started
        _pid, status = os.waitpid(pid, 0)
        shutil.rmtree(child['folder'], ignore_errors=True)
        out_of_time = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU
        self.send({'id': child['id'], 'gone': True, 'out_of_time': out_of_time, 'rss': peak_rss_bytes()})

    def end(self):
        for pid in self.children.values():
            kill_group(pid)


def kill_group(pid):
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        try:  # the child has not made its session yet
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def peak_rss_bytes():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == 'darwin' else peak * 1024


def main():
    out = os.dup(1)
    os.dup2(2, 1)  # what yt-dlp prints goes to the error output and never into the protocol
    if not os.environ.get('YTDLP_PLUGINS'):
        ytdlp_globals.plugin_dirs.value = []
    warm_up()
    parent = Parent(out)
    signal.signal(signal.SIGTERM, lambda *_args: sys.exit(0))
    try:
        parent.serve()
    finally:
        parent.end()


main()
