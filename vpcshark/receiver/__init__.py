"""The program on the capture host: takes outer frames, gives inner ones as pcapng. This side only bundles and addresses
it.

``program()`` is one self-contained text: the modules listed in ``MODULES``, each as it is in this package, in the order
in which they import each other, and a few lines that make them importable in memory. So the capture host runs the very
code that is tested and typed here, split and shared (``wire.overlay.vxlan``, ``wire.capture_files.blocks``) like any
other, while nothing is written to its disk. All of it is for Python 3.6 on and the standard library alone. Must not
know transports, AWS or captures.

What is said on stdin, stdout and stderr is in ``program``'s docstring.
"""

from __future__ import annotations

import json
from importlib import resources

from vpcshark.receiver.lifeline import OWNS_CONNECTION

MODULES = (
    "vpcshark.traffic_mirroring",
    "vpcshark.wire.capture_files.blocks",
    "vpcshark.wire.overlay.vxlan",
    "vpcshark.receiver.kernel",
    "vpcshark.receiver.frames",
    "vpcshark.receiver.output",
    "vpcshark.receiver.ring",
    "vpcshark.receiver.datagrams",
    "vpcshark.receiver.tally",
    "vpcshark.receiver.lifeline",
    "vpcshark.receiver.heartbeat",
    "vpcshark.receiver.commands",
    "vpcshark.receiver.source",
    "vpcshark.receiver.program",
)

PACKAGES = ("vpcshark", "vpcshark.wire", "vpcshark.wire.capture_files", "vpcshark.wire.overlay", "vpcshark.receiver")

_LOADER = """\
import sys, types
for name in PACKAGES:
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = []
for name, source in MODULES:
    module = sys.modules[name] = types.ModuleType(name)
    parent, _, child = name.rpartition(".")
    setattr(sys.modules[parent], child, module)
    exec(compile(source, "<" + name + ">", "exec"), module.__dict__)
sys.exit(sys.modules["vpcshark.receiver.program"].main())
"""

# The alarm ends a receiver whose capture died before the config, and the sshd that serves its connection, as
# ``lifeline`` does later; ``program.main`` takes it off. A capture itself has given up by then.
# No newline and no quote but ", so that any shell on the way can carry it. Reads no byte more than the source.
_BOOTSTRAP = (
    r'exec("import os,signal,sys\ndef e(*a):\n p=os.getppid()\n while p>1 and sys.argv[1:]:\n'
    r"  n,_,r=open(\"/proc/%d/stat\"%p).read().rpartition(\")\")\n  if \"(sshd\" in n:os.kill(p,15);break\n"
    r"  p=int(r.split()[1])\n os._exit(1)\nsignal.signal(signal.SIGALRM,e)\nsignal.alarm(8)\n"
    r"f=open(0,\"rb\",0,closefd=False)\nn=int(f.readline())\ns=b\"\"\n"
    r"while len(s)<n:\n c=f.read(n-len(s))\n if not c:raise SystemExit(1)\n s+=c\n"
    r'exec(compile(s,\"receiver\",\"exec\"))")'
)


def command(python: str = "python3", *, owns_connection: bool = False) -> list[str]:
    """The argv to run on the capture host; it reads ``preamble()`` and then the config from stdin.

    ``owns_connection``: it came by an SSH connection that is there for it alone, which it ends when its capture has
    gone. On the user's own machine the sshd above us is the user's login, and none of our business.
    """
    return [python, "-I", "-c", _BOOTSTRAP, *([OWNS_CONNECTION] if owns_connection else [])]


def program() -> bytes:
    """The receiver's source: self-contained, UTF-8, Python 3.6 and later."""
    sources = [(name, _source(name)) for name in MODULES]
    return f"PACKAGES = {PACKAGES!r}\nMODULES = {sources!r}\n{_LOADER}".encode()


def preamble() -> bytes:
    """What goes to stdin before the config: the source's length on a line, and the source."""
    source = program()
    return b"%d\n" % len(source) + source


def _source(module: str) -> str:
    package, _, name = module.rpartition(".")
    return resources.files(package).joinpath(f"{name}.py").read_text(encoding="utf-8")


def sniffer_command(python: str, interface: str, snaplen: int, program: object) -> list[str]:
    """The argv of what stands in for tcpdump (``sniff``): everything is in it, so stdin is free for other use.

    ``program`` is a list of BPF instructions, or None for every frame.
    """
    return [python, "-I", "-c", _source(f"{__name__}.sniff"), interface, str(snaplen), json.dumps(program)]
